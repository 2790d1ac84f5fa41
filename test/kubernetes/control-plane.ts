import { spawn, type ChildProcess } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { stringify } from 'yaml'

export interface ControlPlane {
  readonly kubeconfig: string
  stop(): Promise<void>
}

interface Server {
  readonly name: string
  readonly child: ChildProcess
  readonly log: string
  readonly exited: Promise<void>
}

const START_MS_MAX = 60_000
const LOOK_MS = 100

/**
 * `etcd` and `kube-apiserver` of a directory, on free ports of 127.0.0.1, with their data and logs in another directory: what
 * controller-runtime calls envtest. No controller runs, so nothing happens by itself: a namespace that is deleted stays for ever.
 */
export async function startControlPlane(assets: string, directory: string): Promise<ControlPlane> {
  const servers: Server[] = []
  const start = (name: string, flags: readonly string[]) => {
    const server = startServer(assets, directory, name, flags)
    servers.push(server)
    return server
  }
  const stop = async () => {
    for (const server of servers.toReversed()) await end(server)
  }
  try {
    const etcdUrl = `http://127.0.0.1:${await freePort()}`
    await ready(start('etcd', await etcdFlags(directory, etcdUrl)), () => answers(`${etcdUrl}/health`))
    const [port, token] = [await freePort(), randomBytes(16).toString('hex')]
    const url = `https://127.0.0.1:${port}`
    // Made by kube-apiserver as it starts, with its authority below it.
    const ca = join(directory, 'apiserver.crt')
    const flags = serverFlags(directory, { etcdUrl, port, token })
    await ready(start('kube-apiserver', flags), async () => existsSync(ca) && answers(`${url}/readyz`, { ca, token }))
    return { kubeconfig: writeKubeconfig(directory, { url, ca, token }), stop }
  } catch (thrown) {
    await stop()
    throw thrown
  }
}

async function etcdFlags(directory: string, url: string): Promise<string[]> {
  const peers = `http://127.0.0.1:${await freePort()}`
  return [
    `--data-dir=${join(directory, 'etcd')}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=default=${peers}`,
    '--unsafe-no-fsync',
  ]
}

function serverFlags(
  directory: string,
  { etcdUrl, port, token }: { etcdUrl: string; port: number; token: string },
): string[] {
  const [key, tokens] = [join(directory, 'service-accounts.pem'), join(directory, 'tokens.csv')]
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  writeFileSync(tokens, `${token},admin,admin,system:masters\n`, { mode: 0o600 })
  return [
    `--etcd-servers=${etcdUrl}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${directory}`,
    `--token-auth-file=${tokens}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.0.0.0/24',
    `--service-account-issuer=https://127.0.0.1:${port}/`,
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
    '--disable-admission-plugins=ServiceAccount',
  ]
}

function startServer(assets: string, directory: string, name: string, flags: readonly string[]): Server {
  const program = join(assets, name)
  if (!existsSync(program)) throw new Error(`KUBEBUILDER_ASSETS=${assets} holds no ${name}`)
  const log = join(directory, `${name}.log`)
  const fd = openSync(log, 'a')
  const child = spawn(program, flags, { stdio: ['ignore', fd, fd], cwd: directory })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  return { name, child, log, exited }
}

async function end({ child, exited }: Server): Promise<void> {
  child.kill('SIGTERM')
  await exited
}

/** Looks until the server answers as it should. */
async function ready({ name, child, log, exited }: Server, look: () => Promise<boolean>): Promise<void> {
  const deadline = AbortSignal.timeout(START_MS_MAX)
  while (!(await look())) {
    await Promise.race([pause(LOOK_MS), exited])
    if (!deadline.aborted && child.exitCode === null && child.signalCode === null) continue
    throw new Error(`${name} does not start; it says:\n${readFileSync(log, 'utf8').slice(-4000)}`)
  }
}

async function answers(url: string, { ca, token }: { ca?: string; token?: string } = {}): Promise<boolean> {
  const dispatcher = new Agent({ connect: { ...(ca !== undefined && { ca: readFileSync(ca) }) } })
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  try {
    const { statusCode, body } = await request(url, { dispatcher, headers })
    await body.dump()
    return statusCode === 200
  } catch {
    return false
  } finally {
    await dispatcher.destroy()
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function writeKubeconfig(directory: string, { url, ca, token }: { url: string; ca: string; token: string }): string {
  const path = join(directory, 'kubeconfig')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'envtest', cluster: { server: url, 'certificate-authority': ca } }],
    users: [{ name: 'envtest', user: { token } }],
    contexts: [{ name: 'envtest', context: { cluster: 'envtest', user: 'envtest' } }],
    'current-context': 'envtest',
  }
  writeFileSync(path, stringify(config), { mode: 0o600 })
  return path
}
