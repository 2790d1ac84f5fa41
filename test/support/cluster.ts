import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { systemClock, type Clock } from '../../src/base/clock.ts'
import { customResourceDefinition } from '../../src/resources/crd.ts'
import { KIND_NAMES } from '../../src/resources/kinds.ts'
import { startFakeApiServer, type AccessRule, type FakeApiServer, type Manifest } from './fake-apiserver/index.ts'

export const TOKEN = 'the token of the operator'
const ROLE = join(import.meta.dirname, '..', '..', 'examples', 'kubectl', 'role.yaml')

/** What the Role that is shipped allows. */
export function shippedRules(): AccessRule[] {
  const documents = parseAllDocuments(readFileSync(ROLE, 'utf8')).map((document) => document.toJS() as Manifest)
  const role = documents.find(({ kind }) => kind === 'Role') as unknown as { rules: AccessRule[] }
  return role.rules.map((rule) => ({ ...rule, namespaces: ['default'] }))
}

export function installDefinitions(server: FakeApiServer): void {
  for (const kind of KIND_NAMES) server.objects.put(customResourceDefinition(kind) as unknown as Manifest)
}

/** The definition of a kind as an earlier version of the program may have had it: without one field of the status. */
export function withoutStatusField(definition: Manifest, field: string): Manifest {
  const older = structuredClone(definition) as Manifest & { spec: { versions: Version[] } }
  for (const { schema } of older.spec.versions) delete schema.openAPIV3Schema.properties.status.properties[field]
  return older
}

interface Version {
  readonly schema: {
    readonly openAPIV3Schema: {
      readonly properties: { readonly status: { readonly properties: Record<string, unknown> } }
    }
  }
}

/** A cluster with our definitions, whose operator may do what the shipped Role allows. */
export async function startCluster({
  definitions = true,
  clock = systemClock,
}: { definitions?: boolean; clock?: Clock } = {}): Promise<FakeApiServer> {
  const users = [{ name: 'operator', token: TOKEN, rules: shippedRules() }]
  const server = await startFakeApiServer({ tls: true, users, clock })
  if (definitions) installDefinitions(server)
  return server
}

export function webhook(name: string, spec: Record<string, unknown>, metadata: Record<string, unknown> = {}): Manifest {
  return {
    apiVersion: 'nepenthes.dev/v1',
    kind: 'Webhook',
    metadata: { name, ...metadata },
    spec: { url: 'https://receiver.example/hooks', events: ['project:created'], ...spec },
  }
}

export function apiSettings(spec: Record<string, unknown>): Manifest {
  return { apiVersion: 'nepenthes.dev/v1', kind: 'ApiSettings', metadata: { name: 'default' }, spec }
}

export function secret(name: string, values: Record<string, string>, { open = true } = {}): Manifest {
  const data = Object.fromEntries(
    Object.entries(values).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  )
  const labels = open ? { labels: { 'nepenthes.dev/webhook': 'true' } } : {}
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, ...labels }, type: 'Opaque', data }
}
