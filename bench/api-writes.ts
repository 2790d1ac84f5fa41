/**
 * What creating a time entry through the API costs, the whole program with 50 clients, each waiting for its answer:
 *
 *   node bench/api-writes.ts [entries per run, default 20000] [rounds, default 3]
 *
 * An answer means that the entry, its event with the full representation and a delivery are on disk (synchronous=FULL). Three programs
 * take turns, with ten projects, a webhook for each, and seven work packages in each: webhooks that want other events; ones whose
 * deliveries are held (the Secret is missing); ones that are delivered to. CPU is of the program's process, whose main thread is what
 * bounds it; the clients are another process. Target: 8,000 a second with the event stored.
 */
import { arrived, closedLoop } from './load.ts'
import { benchmark, sharedNow, type Child, type Scope } from './scope.ts'
import { startSite, type Site } from './site.ts'
import { judged, median, print } from './statistics.ts'

const CLIENTS = 50
const PROJECTS = 10
const WARM_UP = 5_000
const TARGET_PER_SECOND = 8_000

interface Figures {
  readonly perSecond: number
  readonly mainThreadUs: number
  readonly allThreadsUs: number
}

const KINDS = ['no webhook wants it', 'event and a held delivery', 'event, delivered'] as const
type Kind = (typeof KINDS)[number]

function start(scope: Scope, receiver: Child, kind: Kind): Promise<Site> {
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

async function run(site: Site, receiver: Child, count: number, delivered: boolean): Promise<Figures> {
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

await benchmark(async (scope) => {
  const [count = 20_000, rounds = 3] = process.argv.slice(2).map(Number)
  const receiver = scope.fork('receiver-process.ts')
  const all: { kind: Kind; site: Site; figures: Figures[] }[] = []
  for (const kind of KINDS) all.push({ kind, site: await start(scope, receiver, kind), figures: [] })
  for (const { kind, site } of all) await run(site, receiver, WARM_UP, kind === 'event, delivered')
  for (let round = 0; round < rounds; round += 1)
    for (const { kind, site, figures } of all)
      figures.push(await run(site, receiver, count, kind === 'event, delivered'))
  for (const { kind, site, figures } of all) {
    await site.stop()
    const of = (figure: (figures: Figures) => number) => median(figures.map(figure))
    const perSecond = of((figures) => figures.perSecond)
    const target = `target ${TARGET_PER_SECOND}/s, ${judged(perSecond >= TARGET_PER_SECOND)}`
    print(kind, {
      created: `${perSecond.toFixed(0)}/s${kind === 'event and a held delivery' ? ` (${target})` : ''}`,
      'main thread': `${of((figures) => figures.mainThreadUs).toFixed(0)} us each`,
      'all threads': `${of((figures) => figures.allThreadsUs).toFixed(0)} us each`,
    })
  }
})
