import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cpu } from './cpu.ts'
import type { Answers } from './program-process.ts'
import type { Child, Scope } from './scope.ts'
import { createWireClient, wireRequest, type WireClient } from './wire-client.ts'

/** The whole program in a process of its own, its store on disk with synchronous=FULL, one project for each of its webhooks. */
export interface Site {
  readonly projects: readonly Project[]
  /** Calls the API; resolves once the answer is there, rejects if it is not the one expected. Answers to marked calls are timed. */
  call(method: 'POST' | 'PATCH', path: string, body: object, mark?: number): Promise<Buffer>
  cpu(): Promise<Cpu>
  /** When marked calls were answered, since the last time; it begins with the first. */
  answers(): Promise<Answers>
  stop(): Promise<void>
}

export interface Project {
  readonly id: number
  /** Paths: several, as people do not all log their time on one. */
  readonly workPackages: readonly string[]
}

export interface SiteOptions {
  readonly receiver: Child
  readonly webhooks: number
  /** Clients at once. */
  readonly connections: number
  readonly timeoutSeconds?: number
  readonly maxConcurrency?: number
  /** The Secret is missing, so that deliveries are stored and held. */
  readonly held?: boolean
  /** The webhook wants other events, so that none is stored. */
  readonly unwanted?: boolean
}

const WORK_PACKAGES_PER_PROJECT = 7
const TOKEN = `opapi-${'0'.repeat(64)}`
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

export function hookPath(index: number): string {
  return `/hooks/${index}`
}

function webhookYaml(index: number, port: number, options: SiteOptions): string {
  const { timeoutSeconds = 15, maxConcurrency = 10, unwanted } = options
  const events = unwanted ? 'work_package:created' : 'time_entry:created, project:updated'
  return `apiVersion: nepenthes.dev/v1
kind: Webhook
metadata: {name: hook-${index}}
spec:
  url: http://127.0.0.1:${port}${hookPath(index)}
  signature: {secretKeyRef: {name: bench, key: secret}}
  events: [${events}]
  projects: [bench-${index}]
  delivery: {timeoutSeconds: ${timeoutSeconds}, maxConcurrency: ${maxConcurrency}}
`
}

function writeConfiguration(root: string, port: number, options: SiteOptions): void {
  mkdirSync(join(root, 'config'))
  mkdirSync(join(root, 'secrets', 'bench'), { recursive: true })
  if (!options.held) writeFileSync(join(root, 'secrets', 'bench', 'secret'), SECRET)
  for (let i = 0; i < options.webhooks; i += 1)
    writeFileSync(join(root, 'config', `hook-${i}.yaml`), webhookYaml(i, port, options))
}

export async function startSite(scope: Scope, options: SiteOptions): Promise<Site> {
  const root = scope.directory()
  writeConfiguration(root, await options.receiver.ask<number>('port'), options)
  const places = ['config', 'data', 'secrets'].flatMap((name) => [`--${name}`, join(root, name)])
  const args = [...places, '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0', '--allow-address', '127.0.0.0/8']
  const program = scope.fork('program-process.ts', { args, env: { NEPENTHES_API_TOKEN: TOKEN } })
  const origin = new URL(await program.ask<string>('origin'))
  const client = createWireClient(Number(origin.port), options.connections)
  await program.ask('live', options.webhooks)
  const call = createCall(client)
  const projects: Project[] = []
  for (let i = 0; i < options.webhooks; i += 1) projects.push(await createProject(call, i))
  return {
    projects,
    call,
    cpu: () => program.ask<Cpu>('cpu'),
    answers: () => program.ask<Answers>('answers'),
    async stop() {
      client.close()
      await program.ask('stop')
      await program.end()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** Rejects what is not a success. */
export function createCall(client: WireClient): Site['call'] {
  const common = [`authorization: Bearer ${TOKEN}`, 'content-type: application/json']
  return async (method, path, body, mark) => {
    const headers = mark === undefined ? common : [...common, `x-mark: ${mark}`]
    const answer = await client.exchange(wireRequest(method, path, headers, JSON.stringify(body)))
    if (answer.statusCode < 300) return answer.body
    throw new Error(`${method} ${path}: ${answer.statusCode} ${answer.body.toString()}`)
  }
}

async function createProject(call: Site['call'], index: number): Promise<Project> {
  const created = async (path: string, body: object) => {
    const { id } = JSON.parse((await call('POST', path, body)).toString()) as { id: number }
    return id
  }
  const id = await created('/api/v3/projects', { name: `Bench ${index}`, identifier: `bench-${index}` })
  const workPackages: string[] = []
  for (let n = 1; n <= WORK_PACKAGES_PER_PROJECT; n += 1) {
    const workPackage = await created(`/api/v3/projects/${id}/work_packages`, { subject: `What takes time ${n}` })
    workPackages.push(`/api/v3/work_packages/${workPackage}`)
  }
  return { id, workPackages }
}
