import { dueAt, type FileRecord } from './file-state.ts'

export interface BatchPlan {
  /** Paths to act on now, together. */
  readonly ready: readonly string[]
  /** When to plan again if nothing happens before, in monotonic milliseconds; Infinity when nothing is pending. */
  readonly wakeAt: number
}

/** A disappearance waits for what is still settling, for it may be the other half of a move; but not for ever. */
const VANISH_PATIENCE_MS = 1000

/**
 * What settles together is applied together: files that are due wait up to `patienceMs` for those still settling. The files of one
 * `..data` mount are ready all at once or not at all.
 */
export function planBatch(pending: ReadonlyMap<string, FileRecord>, now: number, patienceMs: number): BatchPlan {
  const arriving: Pending[] = []
  const leaving: Pending[] = []
  for (const [path, record] of pending) {
    const list = record.phase === 'vanishing' && record.mount === undefined ? leaving : arriving
    list.push({ path, due: dueAt(record) ?? Infinity, mount: record.mount })
  }
  const arrived = planArriving(arriving, now, patienceMs)
  const left = planLeaving(leaving, now, arrived.ready.length < arriving.length)
  return { ready: [...arrived.ready, ...left.ready], wakeAt: Math.min(arrived.wakeAt, left.wakeAt) }
}

interface Pending {
  readonly path: string
  readonly due: number
  readonly mount: string | undefined
}

function planArriving(arriving: readonly Pending[], now: number, patienceMs: number): BatchPlan {
  const firstDue = arriving.reduce((first, { due }) => Math.min(first, due), Infinity)
  const lastDue = arriving.reduce((last, { due }) => Math.max(last, due), -Infinity)
  if (now >= lastDue) return { ready: arriving.map(({ path }) => path), wakeAt: Infinity }
  if (now < firstDue + patienceMs) return { ready: [], wakeAt: Math.min(lastDue, firstDue + patienceMs) }
  const late = arriving.filter(({ due }) => due > now)
  const held = new Set(late.flatMap(({ mount }) => mount ?? []))
  const ready = arriving.filter(({ due, mount }) => due <= now && !(mount !== undefined && held.has(mount)))
  return {
    ready: ready.map(({ path }) => path),
    wakeAt: late.reduce((first, { due }) => Math.min(first, due), Infinity),
  }
}

function planLeaving(leaving: readonly Pending[], now: number, settling: boolean): BatchPlan {
  const wait = settling ? VANISH_PATIENCE_MS : 0
  const ready = leaving.filter(({ due }) => now >= due + wait)
  const next = leaving.reduce((first, { due }) => (now >= due + wait ? first : Math.min(first, due + wait)), Infinity)
  return { ready: ready.map(({ path }) => path), wakeAt: next }
}
