/**
 * What the world outside the program saw: every write its clients made and every request its receivers got, in one order. The
 * order is that of the one process that is both clients and receivers; no clock is read.
 */

/** What may be counted to choose a moment. touched: something changed in the data directory. */
export type Happening = 'acknowledged' | 'received' | 'answered' | 'touched'

export type Kind = 'project' | 'time_entry'

/** One write of a client. */
export interface Write {
  /** Which start of the program it was made of, from 0. */
  readonly run: number
  readonly client: number
  readonly kind: Kind
  /** In the resource and in its event: by it they are found again. */
  readonly key: string
  readonly issuedAt: number
  /** Id of the resource as the 201 said; undefined while, or because, no answer came. */
  id: number | undefined
}

/** One request as a receiver got it. */
export interface Arrival {
  readonly run: number
  readonly webhook: string
  readonly eventId: string
  readonly deliveryId: string
  readonly attempt: number
  readonly body: Buffer
  /** What was answered; undefined while, or because, nothing was. */
  status: number | undefined
  answeredAt: number
}

export class Ledger {
  readonly writes: Write[] = []
  readonly arrivals: Arrival[] = []
  run = 0
  /** Told of everything as it happens. */
  watcher: (happening: Happening) => void = () => undefined
  #now = 0

  issue(client: number, kind: Kind, key: string): Write {
    const write: Write = { run: this.run, client, kind, key, issuedAt: ++this.#now, id: undefined }
    this.writes.push(write)
    return write
  }

  acknowledge(write: Write, id: number): void {
    this.#now += 1
    write.id = id
    this.watcher('acknowledged')
  }

  arrive(parts: Pick<Arrival, 'webhook' | 'eventId' | 'deliveryId' | 'attempt' | 'body'>): Arrival {
    this.#now += 1
    const arrival: Arrival = { ...parts, run: this.run, status: undefined, answeredAt: Infinity }
    this.arrivals.push(arrival)
    this.watcher('received')
    return arrival
  }

  answer(arrival: Arrival, status: number): number {
    arrival.status = status
    arrival.answeredAt = ++this.#now
    this.watcher('answered')
    return status
  }
}

/**
 * Whatever was answered before this moment of a run was recorded by the time the program died, by cause and effect alone: after the
 * answer some client made a write, had it acknowledged, made another, and had that acknowledged too. The program reads an answer
 * before the requests that follow it, hands outcomes to the store one group at a time, and the store commits in the order of
 * handing in: the second write cannot become durable before the outcome does.
 */
export function settledBefore(ledger: Ledger, run: number): number {
  const acknowledged = ledger.writes.filter((write) => write.run === run && write.id !== undefined)
  const byClient = Map.groupBy(acknowledged, (write) => write.client)
  return Math.max(0, ...[...byClient.values()].map((writes) => writes.at(-2)?.issuedAt ?? 0))
}
