import { Command } from 'commander'

import type { AttemptView, DeliveryDetailView, DeliveryView } from '../admin/deliveries.ts'
import { parseId, parseLimit, parseState } from '../admin/delivery-filter.ts'
import type { Result } from '../base/result.ts'
import { clientFlags, flag, readClientConfig, readOption, settleEnvironment, UsageError } from '../config.ts'
import { askFor, askForList } from './client.ts'
import type { Io } from './io.ts'
import { outputFlag, parseOutput, print } from './output.ts'
import { printable, table } from './table.ts'

/** `nepenthes deliveries list|show|redeliver`: the delivery log. */
export function deliveriesCommand(io: Io): Command {
  return new Command('deliveries')
    .description('Look into the delivery log, and send again.')
    .addCommand(listCommand(io))
    .addCommand(showCommand(io))
    .addCommand(redeliverCommand(io))
    .helpCommand(false)
}

function listCommand(io: Io): Command {
  const command = new Command('list')
    .description('List deliveries, newest first.')
    .addOption(flag('--webhook <name>', 'only to this webhook'))
    .addOption(flag('--state <state>', 'only pending, delivered, dead (given up) or cancelled'))
    .addOption(flag('--limit <count>', 'at most so many, up to 1000', '50'))
    .addOption(flag('--before <id>', 'only older than this delivery: how to page'))
    .addOption(outputFlag())
  for (const option of clientFlags()) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Examples:
  nepenthes deliveries list --webhook billing --state dead
  nepenthes deliveries list --limit 10 --before dlv_2n9c`,
    )
    .action(async (_options: unknown, self: Command) => {
      settleEnvironment(self)
      const output = readOption(self, 'output', parseOutput)
      const filter = readFilter(self)
      const list = await askForList<DeliveryView>(readClientConfig(self), `/v1/deliveries?${filter}`)
      print(io, output, list, () => deliveryTable(list.items))
    })
}

/** The query the flags stand for; throws a UsageError for one the listener would refuse. */
function readFilter(command: Command): string {
  const parsers: Record<string, (text: string) => Result<unknown, string>> = {
    state: parseState,
    limit: parseLimit,
    before: parseId,
  }
  const filter = new URLSearchParams()
  for (const name of ['webhook', 'state', 'limit', 'before']) {
    const value: unknown = command.getOptionValue(name)
    if (typeof value !== 'string') continue
    const parser = parsers[name]
    if (parser) readOption(command, name, parser)
    filter.set(name, value)
  }
  return filter.toString()
}

function deliveryTable(deliveries: readonly DeliveryView[]): string {
  if (deliveries.length === 0) return 'No deliveries.\n'
  return table(
    ['ID', 'STATE', 'WEBHOOK', 'EVENT', 'ATTEMPTS', 'OCCURRED', 'LAST FAILURE'],
    deliveries.map((delivery) => [
      delivery.id,
      delivery.state,
      delivery.webhook,
      delivery.event,
      String(delivery.attempts),
      delivery.occurredAt,
      delivery.lastFailure,
    ]),
  )
}

function showCommand(io: Io): Command {
  const command = new Command('show')
    .description('Show one delivery: its event, its attempts and what the receiver answered.')
    .argument('<id>', 'its id, for example dlv_2n9c; receivers get it as x-nepenthes-delivery')
    .addOption(outputFlag())
  for (const option of clientFlags()) command.addOption(option)
  return command.action(async (id: string, _options: unknown, self: Command) => {
    settleEnvironment(self)
    const output = readOption(self, 'output', parseOutput)
    const path = deliveryPath(id)
    const delivery = await askFor<DeliveryDetailView>(readClientConfig(self), 'GET', path)
    print(io, output, delivery, () => deliveryText(delivery))
  })
}

function deliveryPath(id: string): string {
  const seq = parseId(id)
  if (!seq.ok) throw new UsageError(`"${id}": expected ${seq.error}\nSee nepenthes deliveries list.`)
  return `/v1/deliveries/${id}`
}

function deliveryText(delivery: DeliveryDetailView): string {
  const { log, body, ...facts } = delivery
  const known = Object.entries(facts).filter(([, value]) => value !== null && value !== '')
  const head = known.map(([name, value]) => `${`${name}:`.padEnd(15)} ${printable(String(value))}\n`).join('')
  const attempts = log.length === 0 ? 'No attempt was made yet.\n' : log.map(attemptText).join('')
  return `${head}\nBody:\n  ${printable(body)}\n\nAttempts:\n${attempts}`
}

function attemptText(attempt: AttemptView): string {
  const status = attempt.statusCode === null ? '' : `, status ${attempt.statusCode}`
  const lines = [
    `${attempt.attempt}. ${attempt.startedAt}  ${attempt.outcome}${status}, ${Math.round(attempt.durationMs)} ms`,
  ]
  if (attempt.message) lines.push(printable(attempt.message))
  if (attempt.responseBody) lines.push(`answer: ${printable(attempt.responseBody)}`)
  return `  ${lines.join('\n     ')}\n`
}

function redeliverCommand(io: Io): Command {
  const command = new Command('redeliver')
    .description('Send the event of a past delivery to the same webhook again, as a new delivery.')
    .argument('<id>', 'the past delivery')
  for (const option of clientFlags()) command.addOption(option)
  return command.action(async (id: string, _options: unknown, self: Command) => {
    settleEnvironment(self)
    const path = deliveryPath(id)
    const again = await askFor<DeliveryView>(readClientConfig(self), 'POST', `${path}/redeliver`)
    io.out(`${again.id}\n`)
    io.err(`queued as ${again.id} for webhook ${again.webhook}\n`)
  })
}
