import { createHash } from 'node:crypto'
import { createReceiver, type Answer, type Received, type Receiver } from '../support/receiver.ts'
import type { Arrival, Ledger } from './ledger.ts'

/** healthy answers at once; slow keeps some waiting as long as more keep coming; flaky fails some first attempts. */
export const WEBHOOKS = ['healthy', 'slow', 'flaky'] as const
export type WebhookName = (typeof WEBHOOKS)[number]

export const EVENTS_OF: Record<WebhookName, readonly string[]> = {
  healthy: ['project:created', 'time_entry:created'],
  slow: ['project:created'],
  flaky: ['time_entry:created'],
}

/** Below the ten requests a webhook may have in flight: the eighth lets the first go. */
const HELD_MAX = 7

export interface Receivers {
  readonly receiver: Receiver
  /** The program is dead: who was kept waiting is no more. */
  forget(): void
  /** From now on nobody is kept waiting. */
  answerAtOnce(): void
}

export async function openReceivers(ledger: Ledger): Promise<Receivers> {
  const receiver = await createReceiver()
  let held: (() => void)[] = []
  let heldMax = HELD_MAX
  const slow = (arrival: Arrival) =>
    new Promise<Answer>((resolve) => {
      held.push(() => resolve(ledger.answer(arrival, 204)))
      if (held.length > heldMax) held.shift()?.()
    })
  receiver.answer = (request) => {
    const arrival = ledger.arrive(readArrival(request))
    if (arrival.webhook === 'slow') return slow(arrival)
    return ledger.answer(arrival, arrival.webhook === 'flaky' && fails(arrival) ? 500 : 204)
  }
  return {
    receiver,
    forget: () => void (held = []),
    answerAtOnce: () => void (heldMax = 0),
  }
}

/** One in five first attempts: the same ones if they are made again, never enough in a row to open the circuit. */
function fails({ eventId, attempt }: Arrival): boolean {
  return attempt === 1 && (createHash('sha1').update(eventId).digest()[0] ?? 0) % 5 === 0
}

function readArrival({ path, headers, body }: Received): Parameters<Ledger['arrive']>[0] {
  const text = (name: string) => String(headers[name])
  return {
    webhook: path.slice(1),
    eventId: text('webhook-id'),
    deliveryId: text('x-nepenthes-delivery'),
    attempt: Number(text('x-nepenthes-attempt')),
    body,
  }
}
