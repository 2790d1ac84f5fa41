import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { runProgram } from '../../src/cli/program.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The environment of this process without the variables that would set flags. */
export function cleanEnvironment(more: Record<string, string> = {}): Record<string, string | undefined> {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('NEPENTHES_'))
  return { ...Object.fromEntries(own), ...more }
}

/** Starts `script` (the program, unless another is given) as a process of its own. */
export function startProcess(args: readonly string[], env: Record<string, string> = {}, script = MAIN): ChildProcess {
  return spawn(process.execPath, [script, ...args], { env: cleanEnvironment(env), stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Collects what a process says until it has ended. */
export function ended(child: ChildProcess): Promise<Ran> {
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => (said[name] += text))
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...said }))
  })
}

/** Runs `nepenthes ARGS` as a person would. */
export function nepenthes(args: readonly string[], env?: Record<string, string>): Promise<Ran> {
  return ended(startProcess(args, env))
}

/** As `nepenthes`, within this process: for the many ways to go wrong, where a process each would only cost time. */
export async function nepenthesHere(args: readonly string[]): Promise<Ran> {
  const said = { stdout: '', stderr: '' }
  const code = await runProgram(args, { out: (text) => (said.stdout += text), err: (text) => (said.stderr += text) })
  return { code, ...said }
}
