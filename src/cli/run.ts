import { Command } from 'commander'

import { type Clock, systemClock } from '../base/clock.ts'
import { toError } from '../base/errors.ts'
import { createLog } from '../base/log.ts'
import { readRunConfig, runFlags, settleEnvironment } from '../config.ts'
import type { Io } from './io.ts'

/** A running operator. */
export interface RunningApp {
  /** Ends everything; nothing runs after it resolves. */
  stop(): Promise<void>
  /** Settles when the operator has ended, rejected if it could not go on. */
  readonly closed: Promise<void>
  /** Resolves when the operator cannot go on; it then stops by itself. */
  readonly failed: Promise<unknown>
}

/** The part of `process` that running needs. */
export interface Host {
  on(event: NodeJS.Signals | 'unhandledRejection', listener: (reason: unknown) => void): unknown
  exit(code: number): void
}

const STOP_MS_MAX = 10_000

export function runCommand(io: Io): Command {
  const command = new Command('run').description('Run the operator until SIGTERM or SIGINT.')
  for (const option of runFlags()) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Give exactly one of --config and --kubernetes. Two settings come from the environment only, to stay out of
process lists: NEPENTHES_API_TOKEN (the first administrator's token) and NEPENTHES_ADMIN_TOKEN (asked for by
the admin listener when it does not listen on loopback). Unset, both are generated into the data directory.

Examples:
  nepenthes run --config ./config
  nepenthes run --config ./config --data /var/lib/nepenthes --listen 0.0.0.0:8080 --public-url https://projects.example.com
  nepenthes run --config ./config --allow-address 10.0.0.0/8
  nepenthes run --kubernetes --namespace projects`,
    )
    .action(async (_options: unknown, self: Command) => {
      settleEnvironment(self)
      const config = readRunConfig(self)
      const { startApp } = await import('../app.ts')
      io.finish(await runUntilStopped(() => startApp(config), { host: process, clock: systemClock, err: io.err }))
    })
}

/**
 * Starts the operator and stops it at the first SIGTERM or SIGINT; resolves to the exit code. A second signal, or 10 s of stopping
 * without having stopped, ends the process at once with 1. A signal while starting stops what was started.
 */
export async function runUntilStopped(
  start: () => Promise<RunningApp>,
  { host, clock, err }: { host: Host; clock: Clock; err: Io['err'] },
): Promise<number> {
  // Held to the end: a clean end exits before it fires.
  const limit = () =>
    void clock.after(STOP_MS_MAX, () => {
      err(`nepenthes: not stopped after ${STOP_MS_MAX / 1000} s, giving up\n`)
      host.exit(1)
    })
  const signalled = firstSignal(host, limit)
  host.on('unhandledRejection', (reason) => {
    // Nobody awaited it, so nobody knows what state it left behind.
    createLog('error', err).error({ err: toError(reason) }, 'unhandled rejection: this is a bug')
    host.exit(1)
  })
  const app = await start()
  void app.failed.then(limit)
  await Promise.race([signalled, app.closed])
  await app.stop()
  await app.closed
  return 0
}

function firstSignal(host: Host, limit: () => void): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false
    const stop = () => {
      if (stopping) return host.exit(1)
      stopping = true
      limit()
      resolve()
    }
    host.on('SIGTERM', stop)
    host.on('SIGINT', stop)
  })
}
