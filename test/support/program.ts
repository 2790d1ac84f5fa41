import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { vi } from 'vitest'
import type { ResourceWithStatus } from '../../src/status/status.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts')

/** A place for one environment: a directory of configuration, one of Secrets, one of data. */
export interface Place {
  readonly root: string
  readonly config: string
  readonly secrets: string
  readonly data: string
  /** Writes a file of the configuration as a careful editor does: aside, then renamed over. */
  write(file: string, text: string): void
  secret(name: string, key: string, text: string): void
  dispose(): void
}

export function createPlace(): Place {
  const root = mkdtempSync(join(tmpdir(), 'nepenthes-e2e-'))
  const place = { root, config: join(root, 'config'), secrets: join(root, 'secrets'), data: join(root, 'data') }
  mkdirSync(place.config)
  mkdirSync(place.secrets)
  return {
    ...place,
    write: (file, text) => writeRenamed(join(place.config, file), text),
    secret: (name, key, text) => writeRenamed(join(place.secrets, name, key), text),
    dispose: () => rmSync(root, { recursive: true, force: true }),
  }
}

function writeRenamed(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  const aside = join(dirname(path), `.${Math.random().toString(36).slice(2)}`)
  writeFileSync(aside, text)
  renameSync(aside, path)
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** The real program in a process of its own. */
export interface Program {
  readonly child: ChildProcess
  readonly api: string
  readonly admin: string
  readonly token: string
  /** Everything it logged so far, one JSON object a line. */
  readonly log: readonly string[]
  /** Resolves with the first line of the log, from the beginning, that holds the text. */
  logged(text: string): Promise<string>
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; headers: Headers; json: Record<string, unknown> }>
  /** The resource once its condition has this status (and reason), */
  until(key: string, condition: string, status: string, reason?: string): Promise<ResourceWithStatus>
  resource(key: string): Promise<ResourceWithStatus | undefined>
  kill(signal: NodeJS.Signals): Promise<Exit>
}

export async function startProgram(
  place: Place,
  flags: readonly string[] = [],
  env: Record<string, string> = {},
  main = MAIN,
): Promise<Program> {
  return launchProgram(place, flags, env, main).ready
}

/** The program as soon as it has a process: for who wants to kill it before it is ready. */
export function launchProgram(
  place: Place,
  flags: readonly string[] = [],
  env: Record<string, string> = {},
  main = MAIN,
): { child: ChildProcess; ready: Promise<Program> } {
  const files = ['--config', place.config, '--secrets', place.secrets]
  const args = ['run', ...(flags.includes('--kubernetes') ? [] : files), '--data', place.data]
  const ports = ['--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0', '--allow-address', '127.0.0.0/8']
  const child = spawn(process.execPath, [main, ...args, ...ports, ...flags], {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: { ...process.env, ...env },
  })
  return { child, ready: follow(child, place) }
}

async function follow(child: ChildProcess, place: Place): Promise<Program> {
  const log: string[] = []
  const waiting = new Set<() => void>()
  const exited = new Promise<Exit>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
  const lines = createInterface({ input: child.stderr as NodeJS.ReadableStream })
  lines.on('line', (line) => {
    log.push(line)
    for (const look of waiting) look()
  })
  const logged = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const line = log.find((candidate) => candidate.includes(text))
        if (line === undefined) return
        waiting.delete(look)
        resolve(line)
      }
      waiting.add(look)
      look()
      void exited.then(() => reject(new Error(`the program ended before it logged ${text}:\n${log.join('\n')}`)))
    })
  const { api, admin } = JSON.parse(await logged('"listening"')) as { api: string; admin: string }
  const token = readFileSync(join(place.data, 'api-token'), 'utf8').trim()
  return {
    child,
    api,
    admin,
    token,
    log,
    logged,
    call: (method, path, body, headers = {}) =>
      call(`${api}${path}`, method, body, { authorization: `Bearer ${token}`, ...headers }),
    until: (key, condition, status, reason) => until(admin, key, condition, status, reason),
    async resource(key) {
      const { status, json } = await call(`${admin}/v1/resources/${key}`, 'GET')
      return status === 404 ? undefined : (json as unknown as ResourceWithStatus)
    },
    kill(signal) {
      child.kill(signal)
      return exited
    },
  }
}

async function call(url: string, method: string, body?: unknown, headers: Record<string, string> = {}) {
  const json = body === undefined ? {} : { 'content-type': 'application/json' }
  const response = await fetch(url, {
    method,
    headers: { ...json, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    json: (text.startsWith('{') ? JSON.parse(text) : { text }) as Record<string, unknown>,
  }
}

/** Looks until the condition is as wanted for the newest generation; how long that takes is of no interest. */
function until(
  admin: string,
  key: string,
  condition: string,
  status: string,
  reason?: string,
): Promise<ResourceWithStatus> {
  return vi.waitFor(
    async () => {
      const { json } = await call(`${admin}/v1/resources/${key}`, 'GET')
      const resource = json as unknown as ResourceWithStatus
      const found = resource.status?.conditions.find(({ type }) => type === condition)
      if (found?.status === status && (reason === undefined || found.reason === reason)) return resource
      throw new Error(`${key} is not ${condition}=${status} ${reason ?? ''}: ${JSON.stringify(json)}`)
    },
    { timeout: 15_000, interval: 20 },
  )
}

/** Begins a request on each listener, and never ends it. */
export async function sendHalves({ api, admin }: Pick<Program, 'api' | 'admin'>): Promise<void> {
  for (const origin of [api, admin]) {
    const socket = connect(Number(new URL(origin).port), '127.0.0.1')
    await once(socket, 'connect')
    socket.on('error', () => undefined)
    socket.write('POST /api/v3/projects HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{')
  }
  // One round trip later the server has the halves in hand.
  await fetch(`${api}/api/v3`)
}
