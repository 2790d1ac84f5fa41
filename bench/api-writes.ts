/**
 * What creating a time entry through the API costs, the whole program with 50 clients, each waiting for its answer:
 *
 *   node bench/api-writes.ts [entries per run, default 20000] [rounds, default 3]
 *
 * An answer means that the entry, its event with the full representation and a delivery are on disk (synchronous=FULL). Three programs
 * take turns, with ten projects, a webhook for each, and seven work packages in each: webhooks that want other events; ones whose
 * deliveries are held (the Secret is missing); ones that are delivered to. CPU is of the program's process, whose main thread is what
 * bounds it; the clients are another process. Target: 8,000 a second with the event stored.
 *
 * With them takes turns a bare sketch of the same: a Fastify route that makes as much durable and answers as many bytes, with nothing
 * of the protocol. Machines differ, and one from hour to hour; the ratio to it does not.
 */
import type { Cpu } from './cpu.ts'
import { arrived, closedLoop, logTime } from './load.ts'
import { benchmark, sharedNow, type Child, type Scope } from './scope.ts'
import { createCall, startSite, type Site } from './site.ts'
import { judged, median, print } from './statistics.ts'
import { createWireClient } from './wire-client.ts'

const CLIENTS = 50
const PROJECTS = 10
/** Until the compilers of the engine have come to rest. */
const WARM_UP = 30_000
const TARGET_PER_SECOND = 8_000
/** What the target was of the sketch it was set beside, which made 25,000 a second. */
const RATIO = 0.32

interface Figures {
  readonly perSecond: number
  readonly mainThreadUs: number
  readonly allThreadsUs: number
}

const KINDS = ['no webhook wants it', 'event and a held delivery', 'event, delivered', 'bare sketch'] as const
type Kind = (typeof KINDS)[number]
type Written = Pick<Site, 'projects' | 'call' | 'cpu' | 'stop'>

function start(scope: Scope, receiver: Child, kind: Exclude<Kind, 'bare sketch'>): Promise<Site> {
  const options = { receiver, webhooks: PROJECTS, connections: CLIENTS }
  switch (kind) {
    case 'no webhook wants it':
      return startSite(scope, { ...options, unwanted: true })
    case 'event and a held delivery':
      return startSite(scope, { ...options, held: true })
    case 'event, delivered':
      return startSite(scope, options)
  }
}

/** Takes the writes of `like`, whose representations it answers with. */
async function startSketch(scope: Scope, like: Site): Promise<Written> {
  const { projects } = like
  const [project] = projects
  if (!project) throw new Error('a site has a project')
  const representation = String(await logTime(like, project, 0))
  const sketch = scope.fork('sketch-process.ts')
  const port = await sketch.ask<number>('start', { directory: scope.directory(), representation })
  const client = createWireClient(port, CLIENTS)
  return { projects, call: createCall(client), cpu: () => sketch.ask<Cpu>('cpu'), stop: () => sketch.end() }
}

async function run(site: Written, receiver: Child, count: number, delivered: boolean): Promise<Figures> {
  await receiver.ask('take')
  const cpu = await site.cpu()
  const started = sharedNow()
  await closedLoop(site, count, CLIENTS)
  const seconds = (sharedNow() - started) / 1000
  if (delivered) await arrived(receiver, count)
  const after = await site.cpu()
  return {
    perSecond: count / seconds,
    mainThreadUs: (after.mainThread - cpu.mainThread) / count,
    allThreadsUs: (after.allThreads - cpu.allThreads) / count,
  }
}

interface Contender {
  readonly kind: Kind
  readonly site: Written
  readonly figures: Figures[]
}

async function startAll(scope: Scope, receiver: Child): Promise<Contender[]> {
  const sites: [Kind, Written][] = []
  for (const kind of KINDS) if (kind !== 'bare sketch') sites.push([kind, await start(scope, receiver, kind)])
  sites.push(['bare sketch', await startSketch(scope, sites[1]?.[1] as Site)])
  return sites.map(([kind, site]) => ({ kind, site, figures: [] }))
}

function show({ kind, figures }: Contender): void {
  const of = (figure: (figures: Figures) => number) => median(figures.map(figure))
  print(kind, {
    created: `${of(perSecond).toFixed(0)}/s`,
    'main thread': `${of(({ mainThreadUs }) => mainThreadUs).toFixed(0)} us each`,
    'all threads': `${of(({ allThreadsUs }) => allThreadsUs).toFixed(0)} us each`,
  })
}

const perSecond = (figures: Figures) => figures.perSecond

await benchmark(async (scope) => {
  const [count = 20_000, rounds = 3] = process.argv.slice(2).map(Number)
  const receiver = scope.fork('receiver-process.ts')
  const all = await startAll(scope, receiver)
  for (const { kind, site } of all) await run(site, receiver, WARM_UP, kind === 'event, delivered')
  for (let round = 0; round < rounds; round += 1)
    for (const { kind, site, figures } of all)
      figures.push(await run(site, receiver, count, kind === 'event, delivered'))
  for (const contender of all) {
    await contender.site.stop()
    show(contender)
  }
  const [, stored = 0, , sketch = 0] = all.map(({ figures }) => median(figures.map(perSecond)))
  print('event and a held delivery', {
    [`a second (target ${TARGET_PER_SECOND})`]: `${stored.toFixed(0)} ${judged(stored >= TARGET_PER_SECOND)}`,
    [`of the bare sketch (target ${RATIO})`]: `${(stored / sketch).toFixed(2)} ${judged(stored / sketch >= RATIO)}`,
  })
})
