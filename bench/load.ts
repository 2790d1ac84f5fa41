import { setTimeout as sleep } from 'node:timers/promises'
import type { Arrivals } from './receiver-process.ts'
import { sharedNow, type Child } from './scope.ts'
import type { Project, Site } from './site.ts'

/** Creates or changes something that one webhook is told about; the mark comes back in the body the receiver gets. */
export type Write = (site: Pick<Site, 'call'>, project: Project, mark: number) => Promise<unknown>

function timeEntry(workPackage: string, mark: number): object {
  const entity = { href: workPackage }
  return { hours: 'PT1H30M', spentOn: '2026-03-01', comment: { raw: `mark-${mark}` }, _links: { entity } }
}

export const logTime: Write = (site, { workPackages }, mark) =>
  site.call('POST', '/api/v3/time_entries', timeEntry(workPackages[mark % workPackages.length] ?? '', mark), mark)

export const changeProject: Write = (site, { id }, mark) =>
  site.call('PATCH', `/api/v3/projects/${id}`, { statusExplanation: { raw: `mark-${mark}` } }, mark)

function projectOf(site: Pick<Site, 'projects'>, mark: number): Project {
  const project = site.projects[mark % site.projects.length]
  if (!project) throw new Error('a site has a project')
  return project
}

const ARRIVAL_LIMIT_MS = 30_000

/** Waits until so many have arrived; throws when they do not come. */
export async function arrived(receiver: Child, count: number): Promise<void> {
  const late = new AbortController()
  const limit = sleep(ARRIVAL_LIMIT_MS, 'late', { signal: late.signal }).catch(() => 'in time')
  if ((await Promise.race([receiver.ask('answered', count), limit])) === 'late') {
    const came = await receiver.ask<number>('count')
    throw new Error(`${came} of ${count} deliveries arrived within ${ARRIVAL_LIMIT_MS / 1000} s`)
  }
  late.abort()
}

/** `count` writes by `clients` at once, each waiting for its answer; resolves once the last is answered. */
export async function closedLoop(
  site: Pick<Site, 'call' | 'projects'>,
  count: number,
  clients: number,
  write: Write = logTime,
): Promise<void> {
  let next = 0
  const client = async () => {
    for (let mark = next++; mark < count; mark = next++) await write(site, projectOf(site, mark), mark)
  }
  await Promise.all(Array.from({ length: clients }, client))
}

/** Writes a second that are answered and delivered, both as fast as they go. */
export async function capacity(site: Site, receiver: Child, count: number, clients: number): Promise<number> {
  await receiver.ask('take')
  const started = sharedNow()
  await closedLoop(site, count, clients)
  await arrived(receiver, count)
  const perSecond = (count * 1000) / (sharedNow() - started)
  await receiver.ask('take')
  return perSecond
}

export interface Passage {
  readonly mark: number
  /** Milliseconds from the API's answer, handed to the operating system, to the request at the receiver; negative if that came first. */
  readonly sinceAnswer: number
  /** Milliseconds from when the write was to be sent, whether it could be or not, to the request at the receiver. */
  readonly wholeWay: number
}

export interface OpenLoop {
  readonly perSecond: number
  readonly seconds: number
  /** Of a mark: what to write. */
  readonly write: (mark: number) => Write
  /** Of a mark: whether its delivery is expected to arrive. */
  readonly expected?: (mark: number) => boolean
}

/** Writes at an even rate, whether those before have been answered or not. Every expected delivery has arrived when it resolves. */
export async function openLoop(site: Site, receiver: Child, load: OpenLoop): Promise<Passage[]> {
  const count = Math.round(load.perSecond * load.seconds)
  const due = new Float64Array(count)
  await Promise.all([receiver.ask('take'), site.answers()])
  const writes: Promise<unknown>[] = []
  const failed = Promise.withResolvers<never>()
  const started = sharedNow()
  for (let mark = 0; mark < count; mark += 1) {
    const at = (due[mark] = started + (mark * 1000) / load.perSecond)
    while (sharedNow() < at) await Promise.race([sleep(1), failed.promise])
    const written = load.write(mark)(site, projectOf(site, mark), mark)
    written.catch((thrown: unknown) => failed.reject(thrown))
    writes.push(written)
  }
  await Promise.all(writes)
  const { expected = () => true } = load
  await arrived(receiver, due.filter((_, mark) => expected(mark)).length)
  const { marks, at } = await receiver.ask<Arrivals>('take')
  const answers = await site.answers()
  const answeredAt = new Map([...answers.marks].map((mark, index) => [mark, answers.at[index] ?? NaN]))
  return [...marks].map((mark, index) => {
    const arrivedAt = at[index] ?? NaN
    return { mark, sinceAnswer: arrivedAt - (answeredAt.get(mark) ?? NaN), wholeWay: arrivedAt - (due[mark] ?? NaN) }
  })
}
