/**
 * What it costs to match an event that three webhooks want, with 10 and with 10,000 webhooks configured; runs alternate.
 *
 *   node bench/matching.ts
 *
 * Target: the same cost within 1.2x.
 */
import { performance } from 'node:perf_hooks'
import { effectiveWebhook } from '../src/resources/webhook.ts'
import { compileRoutes, type RouteTable } from '../src/routing/route-table.ts'
import type { ProgrammedWebhook } from '../src/routing/snapshot.ts'
import { median, print, quantile } from './statistics.ts'

const ROUNDS = 31
const EVENTS_PER_ROUND = 1_000_000
const SUBJECT = { name: 'time_entry:created', projectId: 12, projectIdentifier: 'wanted' } as const

function webhook(name: string, projects: string[]): ProgrammedWebhook {
  const spec = effectiveWebhook(name, { url: 'https://receiver.example/', events: ['time_entry:created'], projects })
  return { name, generation: 1, spec, credentials: undefined, hold: undefined, resumeAt: undefined }
}

/** Three webhooks that want the event, by id, by identifier and by both; the others want projects of their own. */
function routesFor(count: number): RouteTable {
  const wanting = [webhook('a', ['12']), webhook('b', ['wanted']), webhook('c', ['12', 'wanted'])]
  const others = Array.from({ length: count - wanting.length }, (_, i) => webhook(`other-${i}`, [`project-${i}`]))
  return compileRoutes([...others, ...wanting])
}

function nanosecondsPerEvent(routes: RouteTable): number {
  const started = performance.now()
  let matched = 0
  for (let i = 0; i < EVENTS_PER_ROUND; i += 1) matched += routes.match(SUBJECT).length
  if (matched !== 3 * EVENTS_PER_ROUND) throw new Error(`matched ${matched}`)
  return ((performance.now() - started) * 1e6) / EVENTS_PER_ROUND
}

const few = routesFor(10)
const many = routesFor(10_000)
const costs = { few: [] as number[], many: [] as number[], ratios: [] as number[] }
nanosecondsPerEvent(few)
nanosecondsPerEvent(many)
for (let round = 0; round < ROUNDS; round += 1) {
  const [a, b] =
    round % 2
      ? [nanosecondsPerEvent(few), nanosecondsPerEvent(many)]
      : [nanosecondsPerEvent(many), nanosecondsPerEvent(few)].reverse()
  costs.few.push(a ?? 0)
  costs.many.push(b ?? 0)
  costs.ratios.push((b ?? 0) / (a ?? 1))
}
print('match, 3 of 10 webhooks', { ns: median(costs.few).toFixed(0) })
print('match, 3 of 10,000 webhooks', { ns: median(costs.many).toFixed(0) })
print('ratio (target 1.2)', { median: median(costs.ratios).toFixed(2), p90: quantile(costs.ratios, 0.9).toFixed(2) })
