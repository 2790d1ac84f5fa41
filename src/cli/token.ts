import { Command } from 'commander'

import type { TokenView } from '../admin/tokens.ts'
import { clientFlags, flag, readClientConfig, readOption, settleEnvironment, UsageError } from '../config.ts'
import { askFor, askForList } from './client.ts'
import type { Io } from './io.ts'
import { outputFlag, parseOutput, print } from './output.ts'
import { table } from './table.ts'

/** `nepenthes token create|list|revoke`: API tokens. */
export function tokenCommand(io: Io): Command {
  return new Command('token')
    .description('Create, list and revoke API tokens.')
    .addCommand(createCommand(io))
    .addCommand(listCommand(io))
    .addCommand(revokeCommand(io))
    .helpCommand(false)
}

function createCommand(io: Io): Command {
  const command = new Command('create')
    .description('Make an API token and print it; it is stored nowhere and shown this once.')
    .addOption(flag('--user <login>', 'the user it acts for', 'admin'))
    .addOption(flag('--name <text>', 'what it is for, to tell it from others').makeOptionMandatory())
  for (const option of clientFlags()) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Examples:
  nepenthes token create --name ci
  TOKEN=$(nepenthes token create --user jane --name laptop)`,
    )
    .action(async (_options: unknown, self: Command) => {
      settleEnvironment(self)
      const { user, name } = self.opts<{ user: string; name: string }>()
      const created = await askFor<TokenView & { token: string }>(readClientConfig(self), 'POST', '/v1/tokens', {
        body: { user, name },
      })
      io.out(`${created.token}\n`)
      io.err(`created token ${created.id} for ${created.user}; keep it, it is not shown again\n`)
    })
}

function listCommand(io: Io): Command {
  const command = new Command('list').description('List API tokens, without their texts.').addOption(outputFlag())
  for (const option of clientFlags()) command.addOption(option)
  return command.action(async (_options: unknown, self: Command) => {
    settleEnvironment(self)
    const output = readOption(self, 'output', parseOutput)
    const list = await askForList<TokenView>(readClientConfig(self), '/v1/tokens')
    print(io, output, list, () => tokenTable(list.items))
  })
}

function tokenTable(tokens: readonly TokenView[]): string {
  if (tokens.length === 0) return 'No tokens.\n'
  return table(
    ['ID', 'USER', 'NAME', 'CREATED'],
    tokens.map(({ id, user, name, createdAt }) => [String(id), user, name, createdAt]),
  )
}

function revokeCommand(io: Io): Command {
  const command = new Command('revoke')
    .description('Revoke an API token: it opens nothing any more.')
    .argument('<id>', 'its id, from the list')
  for (const option of clientFlags()) command.addOption(option)
  return command.action(async (id: string, _options: unknown, self: Command) => {
    settleEnvironment(self)
    if (!/^\d+$/.test(id))
      throw new UsageError(`"${id}": expected the id of a token, a number\nSee nepenthes token list.`)
    await askFor(readClientConfig(self), 'DELETE', `/v1/tokens/${id}`)
    io.out(`token ${id} revoked\n`)
  })
}
