import { isDeepStrictEqual } from 'node:util'
import { Agent, fetch, ProxyAgent } from 'undici'
import type { Clock } from '../../base/clock.ts'
import type { ApiFetch, ApiRequest, ApiResponse } from './api.ts'
import type { Credentials, Identity } from './credentials.ts'

/** The connections to the API server, shared by everything that asks it. */
export interface Connection {
  readonly fetch: ApiFetch
  close(): Promise<void>
}

/** Tokens of service accounts and certificates are replaced in place, long before the old ones end. */
const READ_AGAIN_MS = 60_000
const CONNECT_MS_MAX = 10_000
/** A connection on which nothing is said is asked for a sign of life: one that is dead ends its watch. */
const KEEP_ALIVE_MS = 20_000

export function createConnection(credentials: Credentials, clock: Clock, version: string): Connection {
  const agents = new Set<Agent | ProxyAgent>()
  let held: { identity: Identity; agent: Agent | ProxyAgent; readAt: number } | undefined
  /** No answer came since they were read: the kubeconfig itself may have been replaced, with what it says of the server. */
  let doubtful = false

  async function hold(fresh: boolean): Promise<{ identity: Identity; agent: Agent | ProxyAgent }> {
    if (held && !fresh && clock.elapsed() - held.readAt < READ_AGAIN_MS) return held
    const identity = await credentials.read(fresh || doubtful)
    doubtful = false
    const same = held && sameWay(held.identity, identity)
    if (held && !same) retire(held.agent)
    const agent = held && same ? held.agent : createAgent(identity)
    agents.add(agent)
    held = { identity, agent, readAt: clock.elapsed() }
    return held
  }

  /** What is under way on it comes to its end. */
  function retire(agent: Agent | ProxyAgent): void {
    void agent.close().finally(() => agents.delete(agent))
  }

  async function send(path: string, request: ApiRequest, fresh: boolean): Promise<ApiResponse> {
    const { identity, agent } = await hold(fresh)
    const headers = { 'user-agent': `nepenthes-operator/${version}`, ...request.headers, ...identity.headers }
    const { method, body, signal } = request
    try {
      return await fetch(`${credentials.server}${path}`, {
        method,
        headers,
        signal,
        dispatcher: agent,
        redirect: 'error',
        ...(body === undefined ? {} : { body }),
      })
    } catch (thrown) {
      doubtful ||= !signal.aborted
      throw thrown
    }
  }

  return {
    async fetch(path, request) {
      const response = await send(path, request, false)
      if (response.status !== 401) return response
      // The token may just have been replaced.
      await response.text()
      return send(path, request, true)
    },
    async close() {
      await Promise.all([...agents].map((agent) => agent.destroy()))
    },
  }
}

function sameWay(a: Identity, b: Identity): boolean {
  return isDeepStrictEqual([a.tls, a.proxy], [b.tls, b.proxy])
}

/** Each caller sets its own deadline, so the agent has none. HTTP/1.1: a watch that dies takes nothing else with it. */
function createAgent({ tls, proxy }: Identity): Agent | ProxyAgent {
  const noTimeouts = { allowH2: false, headersTimeout: 0, bodyTimeout: 0 }
  const socket = { timeout: CONNECT_MS_MAX, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }
  if (proxy === undefined) return new Agent({ ...noTimeouts, connect: { ...tls, ...socket } })
  return new ProxyAgent({ ...noTimeouts, uri: proxy, requestTls: { ...tls, ...socket }, proxyTls: socket })
}
