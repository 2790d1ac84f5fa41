import { Command } from 'commander'

import type { PingView } from '../admin/ping.ts'
import { WAIT_SECONDS_MAX } from '../admin/resources.ts'
import { fail, type Result } from '../base/result.ts'
import { clientFlags, flag, readClientConfig, readOption, settleEnvironment, UsageError } from '../config.ts'
import { askFor, foreignError } from './client.ts'
import { parseDurationMs } from './duration.ts'
import type { Io } from './io.ts'
import { outputFlag, parseOutput, print } from './output.ts'
import { printable } from './table.ts'
import { parseTarget, targetText } from './target.ts'

const WAIT_MS_MAX = WAIT_SECONDS_MAX * 1000

export function pingCommand(io: Io): Command {
  const command = new Command('ping')
    .description('Send one signed test request to the receiver of a webhook, now, and tell what came back.')
    .argument('<webhook/name>', 'the webhook, for example webhook/billing')
    .addOption(flag('--timeout <duration>', "give up sooner than the webhook's timeoutSeconds, for example 2s"))
    .addOption(outputFlag())
  for (const option of clientFlags()) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
The operator sends it as it sends deliveries: same addresses, signature, headers and limits, with the action "ping".
It is tried once, is no delivery, and changes nothing of what is known of the endpoint; a webhook that is disabled
or given up on is pinged too. Exit code 1 if the receiver did not answer with 2xx.

Examples:
  nepenthes ping webhook/billing
  nepenthes ping webhook/billing --timeout 2s --output json`,
    )
    .action(async (what: string, _options: unknown, self: Command) => {
      settleEnvironment(self)
      const output = readOption(self, 'output', parseOutput)
      const path = pingPath(what, self)
      const config = readClientConfig(self)
      const ping = await askFor<PingView>(config, 'POST', path, { waitMs: WAIT_MS_MAX })
      if (typeof ping.outcome !== 'string') throw foreignError(config, 200)
      print(io, output, ping, () => pingText(ping))
      if (ping.outcome !== 'success') io.finish(1)
    })
}

function pingPath(what: string, command: Command): string {
  const { kind, name } = parseTarget(what)
  if (kind !== 'Webhook' || name === undefined)
    throw new UsageError(`"${what}": expected webhook/NAME, for example webhook/billing`)
  const path = `/v1/resources/${kind}/${encodeURIComponent(name)}/ping`
  if (command.getOptionValue('timeout') === undefined) return path
  // No attempt takes longer than the listener waits at most: the webhook's own limit is lower.
  const seconds = Math.min(readOption(command, 'timeout', parseTimeoutMs), WAIT_MS_MAX) / 1000
  return `${path}?timeoutSeconds=${seconds}`
}

function parseTimeoutMs(text: string): Result<number, string> {
  const parsed = parseDurationMs(text)
  return parsed.ok && parsed.value === 0 ? fail('a duration of 1ms or more') : parsed
}

function pingText(ping: PingView): string {
  const who = targetText({ kind: 'Webhook', name: ping.webhook })
  const lines = [`${who} ${verdict(ping)}, after ${Math.round(ping.durationMs)} ms`, `endpoint: ${ping.endpoint}`]
  if (ping.responseBody) lines.push(`answer: ${printable(ping.responseBody)}`)
  lines.push(`id: ${ping.id}${ping.signed ? '' : ', unsigned: the webhook has no signature'}`)
  return `${[...lines, ...ping.notes.map((note) => `note: ${printable(note)}`)].join('\n  ')}\n`
}

function verdict({ outcome, statusCode, message }: PingView): string {
  if (outcome === 'success') return `accepted the ping with status ${statusCode}`
  return statusCode === null ? `got no answer: ${printable(message)} (${outcome})` : `refused the ping: ${message}`
}
