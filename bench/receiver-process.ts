import { answer, sharedNow } from './scope.ts'
import { createWireServer, listenOnLoopback } from './wire.ts'

/**
 * A receiver that notes when each request came, by the number its body carries behind `MARK` (see load.ts), and that can leave
 * the requests to some paths without an answer; with the argument `plain` it does nothing but answer. Times are `sharedNow` of the
 * first arrival.
 */
export interface Arrivals {
  readonly marks: Float64Array
  readonly at: Float64Array
}

const MARK = Buffer.from('mark-')
const DIGIT_0 = 48

let hanging = new Set<string>()
let unanswered = 0
let arrivals = new Map<number, number>()
let answered = 0
let waiting: { count: number; resolve: () => void } | undefined

function markOf(body: Buffer): number {
  let at = body.indexOf(MARK)
  if (at === -1) return -1
  let mark = 0
  for (at += MARK.length; ; at += 1) {
    const digit = (body[at] ?? 0) - DIGIT_0
    if (digit < 0 || digit > 9) return mark
    mark = mark * 10 + digit
  }
}

function pathOf(head: string): string {
  return head.slice('POST '.length, head.indexOf(' ', 'POST '.length))
}

function note(head: string, body: Buffer): boolean {
  const at = sharedNow()
  if (hanging.size > 0 && hanging.has(pathOf(head))) {
    unanswered += 1
    return false
  }
  const mark = markOf(body)
  if (!arrivals.has(mark)) {
    arrivals.set(mark, at)
    answered += 1
    if (waiting && answered >= waiting.count) waiting.resolve()
  }
  return true
}

const port = await listenOnLoopback(process.argv.includes('plain') ? createWireServer() : createWireServer(note))

answer({
  port: () => port,
  /** Leaves the requests to these paths without an answer, and no others; answers how many it has left so far. */
  hang: (paths: string[]) => {
    hanging = new Set(paths)
    return unanswered
  },
  /** Resolves once so many different requests have been answered since `take`. */
  answered: async (count: number) => {
    if (answered < count) await new Promise<void>((resolve) => (waiting = { count, resolve }))
    waiting = undefined
  },
  count: () => answered,
  /** Everything since the last time. */
  take: (): Arrivals => {
    const taken = arrivals
    arrivals = new Map()
    answered = 0
    return { marks: Float64Array.from(taken.keys()), at: Float64Array.from(taken.values()) }
  },
})
