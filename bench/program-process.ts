import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import { Command } from 'commander'
import { startApp } from '../src/app.ts'
import { readRunConfig, runFlags } from '../src/config.ts'
import { cpuOfProcess } from './cpu.ts'
import { answer, sharedNow } from './scope.ts'

/** The whole program, with the flags of `nepenthes run`; answers what only it can say of itself. */
const command = new Command('run')
for (const option of runFlags()) command.addOption(option)
command.parse(process.argv.slice(2), { from: 'user' })

let webhooksLive = 0
/** The configuration in force, and since when. */
let inForce = { version: 0, at: 0 }
let onLive: () => void = () => undefined
const app = await startApp(readRunConfig(command), {
  writeLog: (line) => {
    const entry = JSON.parse(line) as { level: string; msg: string; webhooks?: number; version?: number }
    const { level, msg, webhooks = 0, version = 0 } = entry
    if (level === 'error') process.stderr.write(line)
    if (msg !== 'configuration in force') return
    webhooksLive = webhooks
    inForce = { version, at: sharedNow() }
    onLive()
  },
})

/** When the API had handed each answer to the operating system, by the mark its request carried. */
export interface Answers {
  readonly marks: Float64Array
  readonly at: Float64Array
}

const answers = new Map<number, number>()
let noting = false

/** Noting costs what is measured a little: it begins when somebody asks. */
function noteAnswers(): void {
  if (noting) return
  noting = true
  subscribe('http.server.response.finish', (message) => {
    const mark = (message as { request: IncomingMessage }).request.headers['x-mark']
    if (mark !== undefined) answers.set(Number(mark), sharedNow())
  })
}

answer({
  origin: () => app.apiOrigin,
  /** Resolves once so many webhooks are live. */
  live: async (count: number) => {
    while (webhooksLive < count) await new Promise<void>((resolve) => (onLive = resolve))
  },
  /** What is in force, once it is at least that version. */
  inForce: async (version = 0) => {
    while (inForce.version < version) await new Promise<void>((resolve) => (onLive = resolve))
    return inForce
  },
  /** Bytes of the live heap. */
  memory: () => {
    globalThis.gc?.()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  },
  cpu: cpuOfProcess,
  /** Everything since the last time; the first time nothing. */
  answers: (): Answers => {
    noteAnswers()
    const taken = { marks: Float64Array.from(answers.keys()), at: Float64Array.from(answers.values()) }
    answers.clear()
    return taken
  },
  stop: () => app.stop(),
})
