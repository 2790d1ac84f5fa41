import { Command } from 'commander'

import { WAIT_SECONDS_MAX } from '../admin/resources.ts'
import { conditionStatus, conditionType, type Goal } from '../admin/wait.ts'
import { type Clock, sleep, systemClock } from '../base/clock.ts'
import { UserError } from '../base/errors.ts'
import { fail, ok, type Result } from '../base/result.ts'
import {
  type ClientConfig,
  clientFlags,
  flag,
  readClientConfig,
  readOption,
  settleEnvironment,
  UsageError,
} from '../config.ts'
import { isRecord } from '../resources/finding.ts'
import { CONDITION_TYPES, type ResourceWithStatus } from '../status/status.ts'
import { type Answer, ask, isRefusal, refusalError, UnreachableError } from './client.ts'
import { parseDurationMs } from './duration.ts'
import type { Io } from './io.ts'
import { printable } from './table.ts'
import { parseTarget, targetText } from './target.ts'

/** Between two tries to reach an operator that does not answer yet. */
const RECONNECT_MS = 250

interface Wish {
  readonly kind: string
  readonly name: string
  readonly goal: Goal
  readonly timeoutMs: number
}

export function waitCommand(io: Io): Command {
  const command = new Command('wait')
    .description('Wait until a condition of a resource holds; also for a resource, or an operator, still to come.')
    .argument('<kind/name>', 'the resource, for example webhook/billing')
    .addOption(
      flag(
        '--for <condition>',
        'condition=TYPE or condition=TYPE=STATUS (True, False or Unknown)',
      ).makeOptionMandatory(),
    )
    .addOption(flag('--timeout <duration>', 'how long to wait, for example 30s, 2m, 1h; 0 looks once', '60s'))
  for (const option of clientFlags()) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Conditions: ${CONDITION_TYPES.join(', ')}.
Only what is said of the current generation counts. Exit code 1, with what is still False, when time is up.

Examples:
  nepenthes wait webhook/billing --for=condition=Ready
  nepenthes wait apisettings/default --for=condition=Programmed --timeout 10s
  nepenthes wait webhook/billing --for=condition=Delivering=False`,
    )
    .action(async (what: string, _options: unknown, self: Command) => {
      settleEnvironment(self)
      const wish = readWish(what, self)
      await waitUntil(readClientConfig(self), wish, systemClock, io)
      io.out(`${targetText(wish)} condition met\n`)
    })
}

function readWish(what: string, command: Command): Wish {
  const { kind, name } = parseTarget(what)
  if (name === undefined) throw new UsageError(`"${what}": expected KIND/NAME, for example webhook/billing`)
  const goal = readOption(command, 'for', parseGoal)
  return { kind, name, goal, timeoutMs: readOption(command, 'timeout', parseDurationMs) }
}

function parseGoal(text: string): Result<Goal, string> {
  const match = /^condition=([A-Za-z]+)(?:=([A-Za-z]+))?$/i.exec(text)
  const type = conditionType(match?.[1] ?? '')
  const status = conditionStatus(match?.[2] ?? 'True')
  if (type && status) return ok({ type, status })
  return fail(`condition=TYPE or condition=TYPE=STATUS, with a TYPE of ${CONDITION_TYPES.join(', ')}`)
}

/** Resolves when the goal holds; throws a UserError that tells what is missing when time is up. */
async function waitUntil(config: ClientConfig, wish: Wish, clock: Clock, io: Io): Promise<void> {
  const end = clock.elapsed() + wish.timeoutMs
  let told = false
  for (;;) {
    const answer = await askOnce(config, wish, Math.max(0, end - clock.elapsed()))
    if (!(answer instanceof UnreachableError) && isAbout(answer, wish)) return
    const done = end <= clock.elapsed()
    if (answer instanceof UnreachableError || isProxys(answer)) {
      if (done) throw answer instanceof UnreachableError ? answer : refusalError(config, answer)
      if (!told) io.err(`waiting for an operator at ${config.server}\n`)
      told = true
    } else {
      if (answer.status !== 504 && answer.status !== 503) throw refusalError(config, answer)
      if (done) throw timedOut(wish, (answer.body as { resource?: ResourceWithStatus | null }).resource)
      if (answer.status === 504) continue
    }
    await sleep(clock, Math.max(0, Math.min(RECONNECT_MS, end - clock.elapsed())))
  }
}

/** Whether it is the resource itself: a server that is none of ours may answer 200 to anything. */
function isAbout({ status, body }: Answer, { name }: Wish): boolean {
  return status === 200 && isRecord(body) && isRecord(body['metadata']) && body['metadata']['name'] === name
}

/** Somebody in front of the operator says that it does not answer (yet). */
function isProxys(answer: Answer): boolean {
  return [502, 503, 504].includes(answer.status) && !isRefusal(answer)
}

async function askOnce(config: ClientConfig, wish: Wish, leftMs: number): Promise<Answer | UnreachableError> {
  const waitMs = Math.min(Math.ceil(leftMs), WAIT_SECONDS_MAX * 1000)
  const { type, status } = wish.goal
  const query = new URLSearchParams({ condition: type, status, timeoutSeconds: String(waitMs / 1000) })
  const path = `/v1/resources/${wish.kind}/${encodeURIComponent(wish.name)}?${query.toString()}`
  try {
    return await ask(config, 'GET', path, { waitMs })
  } catch (thrown) {
    if (thrown instanceof UnreachableError) return thrown
    throw thrown
  }
}

function timedOut(wish: Wish, resource: ResourceWithStatus | null | undefined): UserError {
  const { type, status } = wish.goal
  const what = `${targetText(wish)} to become ${type}=${status}`
  return new UserError(
    [`timed out after ${wish.timeoutMs / 1000} s waiting for ${what}`, ...obstacles(wish, resource)].join('\n  '),
  )
}

/** The condition waited for and all that are False, as they are. */
function obstacles({ kind, name, goal }: Wish, resource: ResourceWithStatus | null | undefined): string[] {
  if (!resource) return [`there is no ${targetText({ kind, name })}`]
  const { generation } = resource.metadata
  const lines = resource.status.conditions
    .filter((condition) => condition.type === goal.type || condition.status === 'False')
    .map((condition) => {
      const about =
        condition.observedGeneration < generation
          ? `, of generation ${condition.observedGeneration}, now ${generation}`
          : ''
      return `${condition.type} is ${condition.status} (${condition.reason}${about}): ${printable(condition.message)}`
    })
  const missing = resource.status.conditions.every((condition) => condition.type !== goal.type)
  return missing ? [`it has no condition ${goal.type} yet`, ...lines] : lines
}
