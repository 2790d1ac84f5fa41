import { Command } from 'commander'

import { type ApplicationView, inLines } from '../admin/applications.ts'
import { judgeApplication } from '../api/oauth/application-rules.ts'
import { clientFlags, flag, readClientConfig, readOption, settleEnvironment, UsageError } from '../config.ts'
import { askFor, askForList } from './client.ts'
import type { Io } from './io.ts'
import { outputFlag, parseOutput, print } from './output.ts'
import { table } from './table.ts'

/** `nepenthes application create|list|delete`: the programs that may act for users by OAuth 2.0. */
export function applicationCommand(io: Io): Command {
  return new Command('application')
    .description('Register, list and delete applications: OAuth 2.0 clients of the API.')
    .addCommand(createCommand(io))
    .addCommand(listCommand(io))
    .addCommand(deleteCommand(io))
    .helpCommand(false)
}

type Created = ApplicationView & { readonly clientSecret?: string }

function createCommand(io: Io): Command {
  const command = new Command('create')
    .description('Register an application and print its client ID and secret; the secret is shown this once.')
    .addOption(flag('--name <text>', 'what users are told it is; no two have the same').makeOptionMandatory())
    .addOption(
      flag(
        '--redirect-uri <uri...>',
        'where users are sent back to, to the letter (repeatable; https, or http on loopback)',
      ),
    )
    .addOption(flag('--public', 'it can keep no secret: it runs in browsers or on the machines of its users'))
    .addOption(flag('--acts-as <login>', 'the user it acts as by its own credentials; without, it cannot'))
    .addOption(outputFlag())
  for (const option of clientFlags()) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Examples:
  nepenthes application create --name Calendar --redirect-uri https://calendar.example.com/callback
  nepenthes application create --name Board --public --redirect-uri https://board.example.com/
  nepenthes application create --name Report --acts-as reporter > report.env`,
    )
    .action(async (_options: unknown, self: Command) => {
      settleEnvironment(self)
      const output = readOption(self, 'output', parseOutput)
      const body = readApplication(self)
      const created = await askFor<Created>(readClientConfig(self), 'POST', '/v1/applications', { body })
      print(io, output, created, () => credentialsText(created))
      const keep = created.clientSecret === undefined ? '' : '; keep the secret, it is not shown again'
      io.err(`registered application ${created.name}${keep}\n`)
    })
}

/** Judged before anything is asked, by the rules the API itself has. */
function readApplication(command: Command) {
  const given = command.opts<{ name: string; redirectUri?: string[]; public?: boolean; actsAs?: string }>()
  const redirectUris = (given.redirectUri ?? []).flatMap((uris) => uris.split(/\s+/)).filter(Boolean)
  const application = { name: given.name, redirectUris, public: given.public === true, actsAs: given.actsAs }
  const problems = judgeApplication(application)
  if (problems.length > 0) throw new UsageError(inLines(problems))
  return application
}

/** As lines a shell or an env file can take. */
function credentialsText({ clientId, clientSecret }: Created): string {
  return `client_id=${clientId}\n${clientSecret === undefined ? '' : `client_secret=${clientSecret}\n`}`
}

function listCommand(io: Io): Command {
  const command = new Command('list').description('List applications, without their secrets.').addOption(outputFlag())
  for (const option of clientFlags()) command.addOption(option)
  return command.action(async (_options: unknown, self: Command) => {
    settleEnvironment(self)
    const output = readOption(self, 'output', parseOutput)
    const list = await askForList<ApplicationView>(readClientConfig(self), '/v1/applications')
    print(io, output, list, () => applicationTable(list.items))
  })
}

function applicationTable(applications: readonly ApplicationView[]): string {
  if (applications.length === 0) return 'No applications.\n'
  return table(
    ['CLIENT ID', 'NAME', 'KIND', 'ACTS AS', 'REDIRECT URIS', 'CREATED'],
    applications.map((application) => [
      application.clientId,
      application.name,
      application.public ? 'public' : 'confidential',
      application.actsAs ?? '',
      application.redirectUris.join(' '),
      application.createdAt,
    ]),
  )
}

function deleteCommand(io: Io): Command {
  const command = new Command('delete')
    .description('Delete an application: all it was ever given ends at once.')
    .argument('<client-id>', 'its client ID, from the list')
  for (const option of clientFlags()) command.addOption(option)
  return command.action(async (clientId: string, _options: unknown, self: Command) => {
    settleEnvironment(self)
    if (!/^[0-9a-f]{32}$/.test(clientId))
      throw new UsageError(`"${clientId}": expected a client ID, 32 hex digits\nSee nepenthes application list.`)
    await askFor(readClientConfig(self), 'DELETE', `/v1/applications/${clientId}`)
    io.out(`application ${clientId} deleted\n`)
  })
}
