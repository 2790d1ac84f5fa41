import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Store } from '../../src/storage/store.ts'

/** What a child had acknowledged when it died. */
export interface Acknowledged {
  readonly events: readonly string[]
  readonly delivered: readonly number[]
}

export interface ChildOptions {
  readonly directory: string
  readonly writers: number
  readonly prefix: string
  /** The child is killed as soon as this many lines have been read from it. */
  readonly killAfter: number
}

/** Runs `child.ts`, kills it mid-flight, and returns all it had printed by then: what was still in the pipe was acknowledged too. */
export async function runAndKill(options: ChildOptions): Promise<Acknowledged> {
  const script = new URL('./child.ts', import.meta.url).pathname
  const { directory, writers, prefix, killAfter } = options
  const child = spawn(process.execPath, [script, directory, String(writers), prefix], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(child, 'exit')
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (lines.length === killAfter) child.kill('SIGKILL')
  }
  const [, signal] = (await exit) as [number | null, string | null]
  if (signal !== 'SIGKILL') throw new Error('the child ended before it was killed')
  return {
    events: valuesOf(lines, 'event'),
    delivered: valuesOf(lines, 'delivered').map(Number),
  }
}

function valuesOf(lines: readonly string[], word: string): string[] {
  return lines.flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []))
}

/** What of the acknowledged is missing from the store, in words; empty when nothing was lost. */
export async function lostFrom(store: Store, acknowledged: Acknowledged): Promise<string[]> {
  const stored = await store.deliveries({ limit: 1_000_000 })
  const webhooksOf = Map.groupBy(stored, (delivery) => delivery.eventId)
  const bySeq = new Map(stored.map((delivery) => [delivery.seq, delivery]))
  const lostEvents = acknowledged.events.filter((id) => {
    const webhooks = webhooksOf.get(id)?.map((delivery) => delivery.webhook)
    return webhooks?.sort().join() !== 'audit,billing'
  })
  const lostOutcomes = acknowledged.delivered.filter((seq) => bySeq.get(seq)?.state !== 'delivered')
  return [...lostEvents.map((id) => `event ${id}`), ...lostOutcomes.map((seq) => `outcome of ${seq}`)]
}
