import { once } from 'node:events'
import { mkdirSync, watch } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { vi } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { AttemptRecord, PendingDelivery } from '../../src/storage/records.ts'
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import type { ProjectRecord, TimeEntryRecord } from '../../src/storage/tables.ts'
import { quiet, webhookYaml } from '../reconcile/environment.ts'
import { createPlace, launchProgram, type Place, type Program } from '../support/program.ts'
import type { Receiver } from '../support/receiver.ts'
import { seededRandom, type SeededRandom } from '../support/seeded-random.ts'
import { Ledger, type Happening } from './ledger.ts'
import { load } from './load.ts'
import { EVENTS_OF, openReceivers, WEBHOOKS, type Receivers } from './receivers.ts'

export interface LifeOptions {
  readonly seed: number
  readonly kills: number
  /** What moments are counted by; everything without it. */
  readonly happenings?: readonly Happening[]
  /** For the program's process. */
  readonly env?: Record<string, string>
}

const HAPPENINGS: readonly Happening[] = ['acknowledged', 'received', 'answered', 'touched']

/** A life to its end: what the outside saw, and what the store held after a clean stop. */
export interface Life {
  readonly ledger: Ledger
  readonly kills: number
  /** Oldest first. */
  readonly deliveries: readonly (PendingDelivery & { readonly log: readonly AttemptRecord[] })[]
  readonly projects: readonly ProjectRecord[]
  readonly timeEntries: readonly TimeEntryRecord[]
}

/**
 * Lives through as many kills as asked for on one data directory: start the real program, put it under load, SIGKILL it at a
 * moment chosen by the seed, start it again. The last start is left in peace until nothing is due, and stopped properly.
 */
export async function live({ seed, kills, happenings = HAPPENINGS, env = {} }: LifeOptions): Promise<Life> {
  const place = createPlace()
  const ledger = new Ledger()
  const receivers = await openReceivers(ledger)
  const parts: Parts = { place, ledger, receivers, random: seededRandom(seed), happenings, env }
  mkdirSync(place.data, { mode: 0o700 })
  const watcher = watch(place.data, () => ledger.watcher('touched'))
  try {
    writeWebhooks(place, receivers.receiver)
    for (; ledger.run < kills; ledger.run++) await runAndKill(parts)
    await runToTheEnd(parts)
    return { ledger, kills, ...(await readStore(place)) }
  } finally {
    watcher.close()
    await receivers.receiver.close()
    place.dispose()
  }
}

interface Parts {
  readonly place: Place
  readonly ledger: Ledger
  readonly receivers: Receivers
  readonly random: SeededRandom
  readonly happenings: readonly Happening[]
  readonly env: Record<string, string>
}

function writeWebhooks(place: Place, { port }: Receiver): void {
  for (const name of WEBHOOKS) {
    const url = `url: http://127.0.0.1:${port}/${name}`
    place.write(`${name}.yaml`, webhookYaml(name, url, `events: [${EVENTS_OF[name].join(', ')}]`))
  }
}

/** When to kill: at the `count`th of these in a run, and so many turns of the event loop later. */
interface Moment {
  readonly happening: Happening
  readonly count: number
  readonly turns: number
}

const COUNT_MAX: Record<Happening, number> = { acknowledged: 120, received: 300, answered: 300, touched: 100 }

function chooseMoment(random: SeededRandom, happenings: readonly Happening[]): Moment {
  const happening = random.pick(happenings)
  return { happening, count: random.integer(1, COUNT_MAX[happening]), turns: random.integer(0, 20) }
}

async function runAndKill({ place, ledger, receivers, random, happenings, env }: Parts): Promise<void> {
  const clients = random.integer(1, 12)
  const { child, ready } = launchProgram(place, [], env)
  const exit = once(child, 'exit') as Promise<[number | null, string | null]>
  const kill = () => void child.kill('SIGKILL')
  atMoment(ledger, chooseMoment(random, happenings), kill)
  // A start cut short is told by `exit`; one that failed by itself as well.
  const program = await ready.catch(() => undefined)
  if (program) await load({ program, ledger, clients, random }).finally(kill)
  const [code, signal] = await exit
  ledger.watcher = () => undefined
  if (signal !== 'SIGKILL') throw new Error(`the program ended by itself with ${code}; see its log on stderr`)
  // What the dead process had sent still comes in; only then may the next one speak.
  while (receivers.receiver.connections > 0) await nextTurn()
  receivers.forget()
}

function atMoment(ledger: Ledger, { happening, count, turns }: Moment, act: () => void): void {
  let left = count
  ledger.watcher = (happened) => {
    if (happened === happening && --left === 0) void turnsLater(turns, act)
  }
}

async function turnsLater(turns: number, act: () => void): Promise<void> {
  for (let i = 0; i < turns; i++) await nextTurn()
  act()
}

async function runToTheEnd({ place, receivers, env }: Parts): Promise<void> {
  receivers.answerAtOnce()
  const program = await launchProgram(place, [], env).ready
  await vi.waitFor(() => nothingDue(program), { timeout: 20_000, interval: 20 })
  const { code } = await program.kill('SIGTERM')
  if (code !== 0) throw new Error(`the program did not stop properly: ${code}\n${program.log.join('\n')}`)
}

/** All that may pend is what has failed and waits for its next attempt. */
async function nothingDue(program: Program): Promise<void> {
  const response = await fetch(`${program.admin}/v1/deliveries?state=pending&limit=1000`)
  const { items } = (await response.json()) as { items: { id: string; webhook: string; attempts: number }[] }
  const due = items.filter((item) => item.webhook !== 'flaky' || item.attempts === 0)
  if (due.length > 0) throw new Error(`still pending: ${due.map((item) => `${item.id} to ${item.webhook}`).join(', ')}`)
}

async function readStore(place: Place): Promise<Pick<Life, 'deliveries' | 'projects' | 'timeEntries'>> {
  const store = await openSqliteStore({ directory: place.data, clock: systemClock, log: quiet })
  const all = { where: [], orderBy: [], limit: 1_000_000, offset: 0 }
  const { rows: projects } = await store.list('projects', all)
  const { rows: timeEntries } = await store.list('timeEntries', all)
  const deliveries = []
  for (const { seq } of (await store.deliveries({ limit: 1_000_000 })).reverse()) {
    const whole = await store.delivery(seq)
    if (whole) deliveries.push(whole)
  }
  await store.close()
  return { deliveries, projects, timeEntries }
}
