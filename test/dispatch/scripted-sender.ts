import type { OutgoingRequest, Reply, Sender } from '../../src/dispatch/send.ts'

/** What a scripted endpoint does with a request. `hang`: answers only when the test says so. */
export type Behaviour = number | 'hang' | 'blocked' | Partial<Reply>

export interface SentRequest {
  readonly at: number
  readonly url: string
  readonly header: (name: string) => string | undefined
  readonly body: string
}

export interface ScriptedSender extends Sender {
  readonly requests: SentRequest[]
  /** Requests that hang now. */
  readonly hanging: number
  behave: (request: SentRequest) => Behaviour
  /** Answers everything that hangs. */
  release(behaviour: Exclude<Behaviour, 'hang'>): void
}

/** A sender without sockets, for tests of when and what is sent: answers at once, or when told. */
export function createScriptedSender(now: () => number): ScriptedSender {
  const hanging = new Set<(reply: Reply | undefined) => void>()
  const scripted: ScriptedSender = {
    requests: [],
    behave: () => 204,
    get hanging() {
      return hanging.size
    },
    send(outgoing, done) {
      const request = sentRequest(outgoing, now())
      scripted.requests.push(request)
      const behaviour = scripted.behave(request)
      let settled = false
      const settle = (reply: Reply | undefined) => {
        if (settled) return
        settled = true
        hanging.delete(settle)
        done(reply)
      }
      if (behaviour === 'hang') hanging.add(settle)
      else queueMicrotask(() => settle(replyOf(behaviour)))
      return () => settle(undefined)
    },
    release(behaviour) {
      for (const settle of [...hanging]) settle(replyOf(behaviour))
    },
    async close() {
      for (const settle of [...hanging]) settle(undefined)
    },
  }
  return scripted
}

function sentRequest({ receiver, headers, body }: OutgoingRequest, at: number): SentRequest {
  const header = (name: string) => {
    const index = headers.findIndex((text, position) => position % 2 === 0 && text.toLowerCase() === name)
    return index === -1 ? undefined : headers[index + 1]
  }
  return { at, url: receiver.origin + receiver.path, header, body: Buffer.from(body).toString() }
}

const BASE: Reply = {
  outcome: 'success',
  statusCode: 204,
  message: '',
  responseBody: '',
  retryAfter: undefined,
  durationMs: 1,
}

function replyOf(behaviour: Exclude<Behaviour, 'hang'>): Reply {
  if (behaviour === 'blocked') {
    return { ...BASE, outcome: 'address-blocked', statusCode: null, message: '10.0.0.1 is a private address' }
  }
  if (typeof behaviour !== 'number') return { ...BASE, ...behaviour }
  const success = behaviour >= 200 && behaviour <= 299
  return {
    ...BASE,
    outcome: success ? 'success' : 'http',
    statusCode: behaviour,
    message: success ? '' : `HTTP ${behaviour}`,
  }
}
