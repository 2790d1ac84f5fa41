import { existsSync } from 'node:fs'
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
  /** A proxy all requests go through, http or https; may hold a password. */
  readonly proxy?: string
}

const TLS_OPTIONS = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const

const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token'

interface LoadOptions {
  /** The flag that wants a cluster, for errors. */
  readonly asked?: string
  /** Where the files of the pod's service account are below. */
  readonly root?: string
}

/**
 * From the kubeconfig if there is one (`KUBECONFIG`, else `~/.kube/config`), else those of the pod. Throws a UserError if neither can
 * be used.
 */
export async function loadCredentials({ asked = '--kubernetes', root = '' }: LoadOptions = {}): Promise<Credentials> {
  // Loaded here only: it takes half a second, which a program that watches a directory need not spend.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const load = () => {
    const config = new KubeConfig()
    config.loadFromDefault()
    if (isOfNoKubeconfig(config) && existsSync(`${root}${SERVICE_ACCOUNT_TOKEN}`)) config.loadFromCluster(root)
    return config
  }
  let config = loaded(load, asked)
  const server = serverOf(config, asked)
  checkProxy(config, asked)
  return {
    server,
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
    throw unusable(asked, toError(thrown).message)
  }
}

function unusable(asked: string, why: string): UserError {
  return new UserError(`${asked}: the kubeconfig cannot be used: ${why}`)
}

/** What the library makes of finding no kubeconfig: that of the pod, or of an API server on this machine. */
function isOfNoKubeconfig(config: KubeConfig): boolean {
  return config.getCurrentContext() === 'inClusterContext' || isFallback(config)
}

function isFallback(config: KubeConfig): boolean {
  const cluster = config.getCurrentCluster()
  return cluster?.name === 'cluster' && cluster.server === 'http://localhost:8080'
}

function serverOf(config: KubeConfig, asked: string): string {
  const cluster = config.getCurrentCluster()
  if (!cluster || isFallback(config)) {
    throw new UserError(
      `${asked}: no cluster is configured: set KUBECONFIG, or run in a pod with a service account${asked === '--kubernetes' ? '; for a directory use --config DIR' : ''}`,
    )
  }
  if (cluster.server.startsWith('http:') && !cluster.skipTLSVerify) {
    throw unusable(
      asked,
      'its server is plain http, over which credentials would go in the clear: use https; for `kubectl proxy`, set insecure-skip-tls-verify',
    )
  }
  return cluster.server.replace(/\/$/, '')
}

/** The URL may hold a password, so it is not repeated. */
function checkProxy(config: KubeConfig, asked: string): void {
  const { proxyUrl } = config.getCurrentCluster() ?? {}
  if (!proxyUrl || ['http:', 'https:'].includes(URL.parse(proxyUrl)?.protocol ?? '')) return
  throw unusable(asked, 'its proxy-url is neither an http nor an https URL, and other proxies are not supported')
}

async function identityOf(config: KubeConfig): Promise<Identity> {
  const options: RequestOptions = { headers: {} }
  await config.applyToHTTPSOptions(options)
  const headers = { ...(options.headers as Record<string, string>) }
  if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`
  const given = options as Record<string, unknown>
  const tls = Object.fromEntries(TLS_OPTIONS.flatMap((name) => (given[name] == null ? [] : [[name, given[name]]])))
  const { proxyUrl } = config.getCurrentCluster() ?? {}
  return { headers, tls, ...(proxyUrl ? { proxy: proxyUrl } : {}) }
}
