import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { startApp, type App } from '../../src/app.ts'
import { systemRandom } from '../../src/base/random.ts'
import { SecretValue } from '../../src/base/secret.ts'
import type { RunConfig } from '../../src/config.ts'
import type { FakeApiServer } from './fake-apiserver/index.ts'
import type { FakeClock } from './fake-clock.ts'

const TOKEN = `opapi-${'0'.repeat(64)}`

/** The whole program in this process, in a cluster, on a clock of the test's: what takes it hours takes no time. */
export interface ProgramInProcess {
  readonly app: App
  readonly log: readonly string[]
  createProject(identifier: string): Promise<void>
  /** Whether the program has a resource of this key. */
  isKnown(key: string): Promise<boolean>
  /** A figure of `/metrics`. */
  metric(name: string): Promise<number | undefined>
}

/** A directory for the data of one program after another. */
export interface DataPlace {
  readonly data: string
  dispose(): void
}

export function createDataPlace(server: FakeApiServer): DataPlace {
  const root = mkdtempSync(join(tmpdir(), 'nepenthes-in-process-'))
  vi.stubEnv('KUBECONFIG', server.kubeconfig(join(root, 'kubeconfig')))
  return {
    data: join(root, 'data'),
    dispose() {
      vi.unstubAllEnvs()
      rmSync(root, { recursive: true })
    },
  }
}

export async function startInProcess({ data }: DataPlace, clock: FakeClock): Promise<ProgramInProcess> {
  const log: string[] = []
  const app = await startApp(configOf(data), { clock, random: systemRandom, writeLog: (line) => log.push(line) })
  return {
    app,
    log,
    async createProject(identifier) {
      const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
      const body = JSON.stringify({ name: identifier, identifier })
      const made = await fetch(`${app.apiOrigin}/api/v3/projects`, { method: 'POST', headers, body })
      if (made.status !== 201) throw new Error(`a project cannot be made: ${made.status} ${await made.text()}`)
    },
    isKnown: async (key) => (await fetch(`${app.adminOrigin}/v1/resources/${key}`)).status === 200,
    async metric(name) {
      const text = await (await fetch(`${app.adminOrigin}/metrics`)).text()
      const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `))
      return line === undefined ? undefined : Number(line.split(' ')[1])
    },
  }
}

function configOf(dataDir: string): RunConfig {
  const anywhere = { host: '127.0.0.1', port: 0 }
  return {
    mode: { kind: 'kubernetes', namespace: 'default' },
    dataDir,
    secretsDir: dataDir,
    listen: anywhere,
    adminListen: anywhere,
    publicUrl: undefined,
    allowAddresses: ['127.0.0.0/8'],
    deliveryLog: { maxAgeDays: 30, maxBytes: 4 * 2 ** 30 },
    apiToken: new SecretValue(TOKEN),
    adminToken: undefined,
    logLevel: 'info',
  }
}
