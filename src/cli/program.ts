import { Command, CommanderError } from 'commander'

import { toError, UserError } from '../base/errors.ts'
import { programVersion, UsageError } from '../config.ts'
import { applicationCommand } from './application.ts'
import { deliveriesCommand } from './deliveries.ts'
import { explainCommand } from './explain.ts'
import { importCommand } from './import.ts'
import type { Io } from './io.ts'
import { definitionsSubcommand, schemaSubcommand, validateSubcommand } from './offline.ts'
import { pingCommand } from './ping.ts'
import { runCommand } from './run.ts'
import { statusCommand } from './status.ts'
import { tokenCommand } from './token.ts'
import { waitCommand } from './wait.ts'

const EXIT_FAILURE = 1
const EXIT_USAGE = 2
const HELP_WIDTH = 100

const EXAMPLES = `
Examples:
  nepenthes validate config/                   check the files before committing them
  nepenthes run --config config/               run the operator over a directory
  nepenthes status                             what there is, and how it is doing
  nepenthes wait webhook/billing --for=condition=Ready
  nepenthes ping webhook/billing               whether its receiver takes a signed request, now
  nepenthes deliveries list --state dead       what could not be delivered

Every flag can also be set by an environment variable, NEPENTHES_ and its name: NEPENTHES_ADMIN_LISTEN
for --admin-listen. A flag on the command line wins. Exit codes: 0 done, 1 problems or failure, 2 wrong usage.`

/** The whole command line. Commands speak through `io` only. */
export function createProgram(io: Io): Command {
  const program = new Command('nepenthes')
    .description('Configuration as code for the Nepenthes API and its webhooks.')
    .version(programVersion())
    .addHelpText('after', EXAMPLES)
  program.addCommand(runCommand(io))
  program.addCommand(validateSubcommand(io))
  program.addCommand(statusCommand(io))
  program.addCommand(waitCommand(io))
  program.addCommand(deliveriesCommand(io))
  program.addCommand(pingCommand(io))
  program.addCommand(explainCommand(io))
  program.addCommand(schemaSubcommand(io))
  program.addCommand(definitionsSubcommand(io))
  program.addCommand(tokenCommand(io))
  program.addCommand(applicationCommand(io))
  program.addCommand(importCommand(io))
  program.helpCommand(false)
  settle(program, io)
  return program
}

/** Gives every command of the tree the same manners; commander passes settings on only to commands it creates itself. */
function settle(command: Command, io: Io): void {
  command
    .exitOverride()
    .configureHelp({ helpWidth: HELP_WIDTH })
    .configureOutput({
      writeOut: io.out,
      writeErr: io.err,
      outputError: (text, write) => write(text.replace(/^error: /, 'nepenthes: ')),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showHelpAfterError(`See ${[...lineage(command)].reverse().join(' ')} --help.`)
  for (const child of command.commands) settle(child, io)
}

function* lineage(command: Command): Generator<string> {
  for (let current: Command | null = command; current; current = current.parent) yield current.name()
}

/** Runs one command line; resolves to its exit code. */
export async function runProgram(args: readonly string[], io: Omit<Io, 'finish'>): Promise<number> {
  let exitCode = 0
  const program = createProgram({ ...io, finish: (code) => (exitCode = code) })
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (thrown) {
    return report(thrown, io.err)
  }
}

function report(thrown: unknown, err: Io['err']): number {
  // Help and usage errors: commander has said everything already.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : EXIT_USAGE
  const error = toError(thrown)
  err(`nepenthes: ${error instanceof UserError ? error.message : (error.stack ?? error.message)}\n`)
  return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE
}

/** Runs the command line of this process, and ends it: whatever a failed command left open, nobody waits for it. */
export async function main(process: NodeJS.Process): Promise<void> {
  // `nepenthes status | head`: nobody reads on, which is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : EXIT_FAILURE)
  })
  const exitCode = await runProgram(process.argv.slice(2), {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
  })
  await Promise.all([flush(process.stdout), flush(process.stderr)])
  process.exit(exitCode)
}

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()))
}
