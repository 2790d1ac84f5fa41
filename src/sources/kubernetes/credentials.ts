import type { RequestOptions } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import { toError, UserError } from '../../base/errors.ts'

/** Where the API server is and how it is to be spoken to. */
export interface Credentials {
  /** `http(s)://host[:port][/path]` */
  readonly server: string
  /** That of the kubeconfig's context, or of the pod. */
  readonly namespace: string | undefined
  /** As of now: tokens and certificates are replaced while we run. `fresh`: read everything anew, what we had was not accepted. */
  read(fresh: boolean): Promise<Identity>
}

export interface Identity {
  readonly headers: Readonly<Record<string, string>>
  /** Options of `tls.connect`. */
  readonly tls: Readonly<Record<string, unknown>>
}

const TLS_OPTIONS = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const

/**
 * From the kubeconfig if there is one (`KUBECONFIG`, else `~/.kube/config`), else those of the pod. `asked` is the flag that wants a
 * cluster, for errors.
 */
export async function loadCredentials(asked = '--kubernetes'): Promise<Credentials> {
  // Loaded here only: it takes half a second, which a program that watches a directory need not spend.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const load = () => {
    const config = new KubeConfig()
    config.loadFromDefault()
    return config
  }
  let config = loaded(load, asked)
  return {
    server: serverOf(config, asked),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace?.trim(),
    async read(fresh) {
      if (fresh) config = load()
      return identityOf(config)
    },
  }
}

function loaded(load: () => KubeConfig, asked: string): KubeConfig {
  try {
    return load()
  } catch (thrown) {
    throw new UserError(`${asked}: the kubeconfig cannot be used: ${toError(thrown).message}`)
  }
}

function serverOf(config: KubeConfig, asked: string): string {
  const cluster = config.getCurrentCluster()
  // What the library makes of finding neither a kubeconfig nor a pod's service account.
  const fallback = cluster?.name === 'cluster' && cluster.server === 'http://localhost:8080'
  if (!cluster || fallback) {
    throw new UserError(
      `${asked}: no cluster is configured: set KUBECONFIG, or run in a pod with a service account${asked === '--kubernetes' ? '; for a directory use --config DIR' : ''}`,
    )
  }
  if (cluster.proxyUrl) throw new UserError(`${asked}: proxy-url in the kubeconfig is not supported`)
  return cluster.server.replace(/\/$/, '')
}

async function identityOf(config: KubeConfig): Promise<Identity> {
  const options: RequestOptions = { headers: {} }
  await config.applyToHTTPSOptions(options)
  const headers = { ...(options.headers as Record<string, string>) }
  if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`
  const given = options as Record<string, unknown>
  const tls = Object.fromEntries(TLS_OPTIONS.flatMap((name) => (given[name] == null ? [] : [[name, given[name]]])))
  return { headers, tls }
}
