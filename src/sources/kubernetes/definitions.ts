import type { Clock } from '../../base/clock.ts'
import { UserError } from '../../base/errors.ts'
import { isRecord } from '../../resources/finding.ts'
import type { Api } from './api.ts'

/** Its own name among the managers of fields: the operator itself never writes definitions. */
const FIELD_MANAGER = 'nepenthes-definitions'
const PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const ESTABLISHED_LOOKS_MAX = 30
const ESTABLISHED_LOOK_MS = 1000

export interface DefinitionsOptions {
  readonly api: Api
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Told of each definition once the server has it and serves it. */
  readonly onApplied: (name: string) => void
}

/**
 * Applies CustomResourceDefinitions server-side and waits until each is served. Fields are taken over from whoever wrote them
 * (Helm does at the first install), as these definitions are the ones this program was made for.
 */
export async function applyDefinitions(
  definitions: readonly Readonly<Record<string, unknown>>[],
  options: DefinitionsOptions,
): Promise<void> {
  for (const definition of definitions) {
    const name = (definition['metadata'] as { name: string }).name
    await applyDefinition(name, definition, options)
    await established(name, options)
    options.onApplied(name)
  }
}

async function applyDefinition(name: string, body: unknown, { api, signal }: DefinitionsOptions): Promise<void> {
  const query = { fieldManager: FIELD_MANAGER, force: 'true' }
  const contentType = 'application/apply-patch+yaml'
  const applied = await api.call({ method: 'PATCH', path: `${PATH}/${name}`, query, body, contentType, signal })
  if (!applied.ok) throw new UserError(`the definition ${name} cannot be applied: ${applied.error.message}`)
}

async function established(name: string, { api, clock, signal }: DefinitionsOptions): Promise<void> {
  for (let looks = 1; looks <= ESTABLISHED_LOOKS_MAX; looks += 1) {
    const found = await api.call({ path: `${PATH}/${name}`, signal })
    if (found.ok && isEstablished(found.value)) return
    if (!found.ok && found.error.kind === 'forbidden')
      throw new UserError(`the definition ${name} cannot be read: ${found.error.message}`)
    await new Promise<void>((resolve) => clock.after(ESTABLISHED_LOOK_MS, resolve))
  }
  throw new UserError(`the definition ${name} was applied, but the API server does not serve it`)
}

function isEstablished(definition: unknown): boolean {
  const status = isRecord(definition) ? definition['status'] : undefined
  const conditions: unknown = isRecord(status) ? status['conditions'] : undefined
  return (
    Array.isArray(conditions) &&
    conditions.some((one: unknown) => isRecord(one) && one['type'] === 'Established' && one['status'] === 'True')
  )
}
