import { readFileSync } from 'node:fs'
import { Agent, type Dispatcher } from 'undici'
import { parse } from 'yaml'

/** A client that adds nothing to what it is asked to send, but for who sends it. */
export interface PlainClient {
  send(method: string, path: string, call: Call): Promise<Dispatcher.ResponseData>
  close(): Promise<void>
}

export interface Call {
  readonly body?: unknown
  readonly type?: string
  readonly accept?: string
}

interface Kubeconfig {
  readonly 'current-context': string
  readonly contexts: readonly { name: string; context: { cluster: string; user: string } }[]
  readonly clusters: readonly { name: string; cluster: Readonly<Record<string, string>> }[]
  readonly users: readonly { name: string; user: Readonly<Record<string, string>> }[]
}

/** A client of the cluster that a kubeconfig's current context names; a token or a client certificate, or nothing at all. */
export function createPlainClient(kubeconfig: string): PlainClient {
  const { cluster, user } = currentOf(parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig)
  // The server may be one behind a path.
  const { origin, pathname } = new URL(cluster['server'] ?? '')
  const agent = new Agent({ connect: tlsOf(cluster, user), allowH2: false })
  const { token } = user
  const who = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return {
    send: (method, path, { body, type = 'application/json', accept = 'application/json' }) =>
      agent.request({
        origin,
        path: pathname.replace(/\/$/, '') + path,
        method,
        headers: { accept, 'user-agent': 'suite/1', ...who, ...(body !== undefined && { 'content-type': type }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    close: () => agent.destroy(),
  }
}

function currentOf(config: Kubeconfig) {
  const context = config.contexts.find(({ name }) => name === config['current-context'])?.context
  return {
    cluster: config.clusters.find(({ name }) => name === context?.cluster)?.cluster ?? {},
    user: config.users.find(({ name }) => name === context?.user)?.user ?? {},
  }
}

function tlsOf(cluster: Readonly<Record<string, string>>, user: Readonly<Record<string, string>>) {
  return {
    ...pem('ca', cluster, 'certificate-authority'),
    ...pem('cert', user, 'client-certificate'),
    ...pem('key', user, 'client-key'),
  }
}

function pem(name: string, from: Readonly<Record<string, string>>, key: string): Record<string, Buffer> {
  const [data, file] = [from[`${key}-data`], from[key]]
  if (data !== undefined) return { [name]: Buffer.from(data, 'base64') }
  return file === undefined ? {} : { [name]: readFileSync(file) }
}
