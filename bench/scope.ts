import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What one benchmark has started and put on disk; all of it ends with the benchmark, however that ends. */
export interface Scope {
  /** A new temporary directory. */
  directory(): string
  /** A process of this directory that answers what it is asked; see `answer`. */
  fork(file: string, options?: { args?: readonly string[]; env?: NodeJS.ProcessEnv }): Child
  /** Any other program. */
  spawn(command: string, args: readonly string[]): ChildProcess
}

export interface Child {
  /** What the other process's function of that name answers to the argument. Rejects with its error, and when the process ends. */
  ask<T>(name: string, argument?: unknown): Promise<T>
  /** Ends the process; resolves once it has. */
  end(): Promise<void>
}

/** A benchmark that hangs is a benchmark that failed. */
const TIME_LIMIT_MS = 10 * 60_000

/** Runs a benchmark. A failure is told in a line and by the exit code 1; children and directories are gone either way. */
export async function benchmark(work: (scope: Scope) => Promise<void>): Promise<void> {
  const children = new Set<ChildProcess>()
  const directories: string[] = []
  const stopped = Promise.withResolvers<never>()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.reject(new Error(signal)))
  const limit = setTimeout(() => stopped.reject(new Error('not done after 10 minutes')), TIME_LIMIT_MS)
  const keep = (child: ChildProcess) => {
    children.add(child)
    child.once('exit', () => children.delete(child))
    child.once('error', (error) => stopped.reject(error))
    return child
  }
  const scope: Scope = {
    directory() {
      const directory = mkdtempSync(join(tmpdir(), 'nepenthes-bench-'))
      directories.push(directory)
      return directory
    },
    fork: (file, { args = [], env = {} } = {}) =>
      createChild(
        keep(
          fork(join(import.meta.dirname, file), args, {
            env: { ...process.env, ...env },
            execArgv: ['--expose-gc'],
            serialization: 'advanced',
          }),
        ),
      ),
    spawn: (command, args) => keep(spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })),
  }
  try {
    await Promise.race([work(scope), stopped.promise])
  } catch (thrown) {
    process.stderr.write(
      `benchmark failed: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}\n`,
    )
    process.exitCode = 1
  }
  clearTimeout(limit)
  await Promise.all([...children].map((child) => endProcess(child)))
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
  // Whatever a benchmark that failed half-way still waits for is of no interest.
  process.exit()
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

interface Question {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}

interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

function createChild(child: ChildProcess): Child {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let last = 0
  let ended: Error | undefined
  child.on('message', ({ id, value, error }: Answer) => {
    if (error === undefined) waiting.get(id)?.resolve(value)
    else waiting.get(id)?.reject(new Error(error))
    waiting.delete(id)
  })
  child.once('exit', (code, signal) => {
    ended = new Error(`${child.spawnargs.at(1)} ended too early (${signal ?? code})`)
    for (const { reject } of waiting.values()) reject(ended)
  })
  return {
    ask<T>(name: string, argument?: unknown) {
      if (ended) return Promise.reject(ended)
      const id = (last += 1)
      const answered = Promise.withResolvers<unknown>()
      waiting.set(id, answered)
      child.send({ id, name, argument } satisfies Question)
      return answered.promise as Promise<T>
    },
    // It ends by itself once there is nobody to answer, so that it can write what it was told to write at its end (--cpu-prof).
    async end() {
      if (ended) return
      const gone = once(child, 'exit')
      child.disconnect()
      await gone
    },
  }
}

type Functions = Readonly<Record<string, (argument: never) => unknown>>

/** The other side of `Scope.fork`: answers with these functions until the benchmark ends, even if nobody ends this process. */
export function answer(functions: Functions): void {
  const reply = (message: Answer) => void process.send?.(message)
  process.on('message', ({ id, name, argument }: Question) => {
    Promise.resolve()
      .then(() => functions[name]?.(argument as never))
      .then(
        (value) => reply({ id, value }),
        (thrown: unknown) =>
          reply({ id, error: `${name}: ${thrown instanceof Error ? thrown.stack : String(thrown)}` }),
      )
  })
  process.on('disconnect', () => process.exit())
}

/** Milliseconds on a clock that all processes of the machine share (CLOCK_MONOTONIC), so that their stamps can be compared. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
