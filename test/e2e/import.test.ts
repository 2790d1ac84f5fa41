import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { ended, nepenthesHere, type Ran } from '../support/cli.ts'
import { apiSettings, installDefinitions, secret, webhook } from '../support/cluster.ts'
import { startFakeApiServer, type FakeApiServer } from '../support/fake-apiserver/index.ts'
import { kubectlPath } from '../support/kubectl.ts'
import { createPlace, startProgram, type Place } from '../support/program.ts'

const SIGNING = 'a secret that nobody may see\n'
const BEARER = 'Bearer of another secret'

const WRITTEN = `# What billing needs to know.
kind: Webhook
apiVersion: nepenthes.dev/v1
spec: {events: ["time_entry:created", project:created], projects: ["010", 'on'], url: https://billing.example/hooks,
  headers: [{valueFrom: {secretKeyRef: {key: authorization, name: billing}}, name: Authorization}],
  signature: {secretKeyRef: {name: billing, key: secret}}, description: "two\\nlines"}
metadata:
  annotations: {example.com/why: "yes"}
  name: billing
  labels: {team: finance}
---
apiVersion: v1
kind: List
items:
  - {apiVersion: nepenthes.dev/v1, kind: ApiSettings, metadata: {name: default, namespace: elsewhere}, spec: {maxPageSize: 50}}
  - {apiVersion: nepenthes.dev/v1, kind: Webhook, metadata: {name: chat}, spec: {url: 'https://chat.example', events: ['project:created']}}
`

let server: FakeApiServer
let place: Place
const at = (...names: string[]) => join(place.root, ...names)
const run = (...args: string[]) => nepenthesHere(['import', ...args])
const fromCluster = (...more: string[]) => run('--from', 'cluster', '--to', at('out'), '--secrets', at('kept'), ...more)

/** Every file below a directory, by its path in there. */
function contents(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).sort()
  return Object.fromEntries(paths.map((path) => [path.slice(directory.length + 1), readFileSync(path, 'utf8')]))
}

/** Runs the commands of a message, as a person would who copies them into a shell. */
async function copied(message: string): Promise<Ran> {
  const commands = message.split('\n').filter((line) => line.startsWith('  kubectl '))
  const env = { PATH: `${dirname(kubectlPath())}:/usr/bin:/bin`, HOME: place.root, KUBECONFIG: at('kubeconfig') }
  return ended(spawn('sh', ['-euc', commands.join('\n')], { env, cwd: place.root, stdio: ['ignore', 'pipe', 'pipe'] }))
}

beforeAll(async () => {
  const rules = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]
  server = await startFakeApiServer({ tls: true, users: [{ name: 'admin', token: 'of the admin', rules }] })
  installDefinitions(server)
})
afterAll(() => server.close())
beforeEach(() => {
  place = createPlace()
  vi.stubEnv('KUBECONFIG', server.kubeconfig(at('kubeconfig')))
})
afterEach(() => {
  vi.unstubAllEnvs()
  for (const resource of ['webhooks', 'apisettings', 'secrets'])
    for (const { metadata } of server.objects.list(resource, 'default')) server.objects.delete(resource, metadata.name)
  place.dispose()
})

describe('import', () => {
  it('from files to the cluster and back gives the same bytes, Secrets too, and the operator runs on them', async () => {
    place.write('all.yaml', WRITTEN)
    place.secret('billing', 'secret', SIGNING)
    place.secret('billing', 'authorization', BEARER)
    const there = await run('--from', 'files', place.config, '--to', at('manifests'), '--secrets', place.secrets)
    expect(there).toMatchObject({ code: 0 })
    expect(Object.keys(contents(at('manifests')))).toEqual([
      'apisettings-default.yaml',
      'webhook-billing.yaml',
      'webhook-chat.yaml',
    ])
    expect(await copied(there.stderr)).toMatchObject({ code: 0, stderr: '' })
    server.objects.putStatus({
      ...webhook('billing', {}),
      status: { observedGeneration: 1, conditions: [] },
    })

    const back = await fromCluster('--with-secrets')
    expect(back).toMatchObject({ code: 0, stderr: '' })
    expect(contents(at('out'))).toEqual(contents(at('manifests')))
    expect(contents(at('kept'))).toEqual(contents(place.secrets))
    expect(there.stdout + there.stderr + back.stdout).not.toMatch(/nobody may see|another secret/)
    for (const [path, mode] of [
      ['kept', 0o700],
      ['kept/billing', 0o700],
      ['kept/billing/secret', 0o600],
    ] as const)
      expect(statSync(at(path)).mode & 0o777, path).toBe(mode)

    const again = await fromCluster('--with-secrets')
    expect(
      again.stdout
        .trim()
        .split('\n')
        .every((line) => line.endsWith(' unchanged')),
    ).toBe(true)
    expect(again.stdout.trim().split('\n')).toHaveLength(5)
    expect((await run('--from', 'cluster')).stdout).toBe(Object.values(contents(at('out'))).join('---\n'))
    expect((await run('--from', 'files', at('out'))).stdout).toBe(Object.values(contents(at('out'))).join('---\n'))

    const program = await startProgram({ ...place, config: at('out'), secrets: at('kept') })
    await program.until('Webhook/billing', 'Ready', 'True')
    await program.kill('SIGTERM')
  })

  it('without --with-secrets reads no Secret, and says where file mode wants which', async () => {
    server.objects.put(secret('billing', { secret: SIGNING }))
    const signature = { secretKeyRef: { name: 'billing', key: 'secret' } }
    server.objects.put(webhook('billing', { signature }))
    server.objects.put(webhook('chat', { signature: { ...signature, previousSecretKeyRef: { name: 'a', key: 'b' } } }))
    const before = server.requests.count('get', 'secrets')
    const { code, stderr } = await fromCluster()
    expect(code).toBe(0)
    expect(stderr).toContain(
      `  ${at('kept/a/b')}  for webhook/chat\n  ${at('kept/billing/secret')}  for webhook/billing, webhook/chat\n`,
    )
    expect(server.requests.count('get', 'secrets')).toBe(before)
    expect(Object.keys(contents(place.root))).not.toContain('kept/billing/secret')
  })

  it('tells of everything that is wrong at once, and writes nothing then', async () => {
    const refers = (name: string) => ({ displayName: 'One', signature: { secretKeyRef: { name, key: 'secret' } } })
    server.objects.put(webhook('a', refers('closed')))
    server.objects.put(webhook('b', refers('missing')))
    server.objects.put(webhook('c', { ...refers('keyless'), displayName: 'C' }))
    server.objects.put(webhook('d', { ...refers('bytes'), displayName: 'D' }))
    server.objects.put(apiSettings({ maxPageSize: 50 }))
    server.objects.put(secret('closed', { secret: SIGNING }, { open: false }))
    server.objects.put(secret('keyless', { other: SIGNING }))
    server.objects.put({ ...secret('bytes', {}), data: { secret: Buffer.from([255, 0, 254]).toString('base64') } })
    mkdirSync(at('out'))
    writeFileSync(at('out/apisettings-default.yaml'), 'edited by hand\n')
    writeFileSync(
      at('out/mine.yaml'),
      `apiVersion: nepenthes.dev/v1
kind: Webhook
metadata: {name: d}
spec: {url: 'https://d.example', events: ['project:created']}
`,
    )
    const before = contents(place.root)
    const { code, stdout, stderr } = await fromCluster('--with-secrets')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    for (const problem of [
      'the display name of Webhook/b is that of Webhook/a',
      'Secret closed may not be used by webhooks',
      'kubectl label secret closed nepenthes.dev/webhook=true',
      'Secret missing cannot be read: secrets "missing" not found',
      'Secret keyless has no key secret',
      'key secret of Secret bytes is not UTF-8 text',
      `${at('out/apisettings-default.yaml')}: is there and differs`,
      `Webhook/d is already defined at ${at('out/mine.yaml')}:1`,
    ])
      expect(stderr).toContain(problem)
    expect(stderr).toContain(': nothing was written\n')
    expect(contents(place.root)).toEqual(before)
  })

  it('replaces what differs when told to, narrows who may read a Secret, and says what else is in the directory', async () => {
    server.objects.put(apiSettings({ maxPageSize: 50 }))
    server.objects.put(secret('billing', { secret: SIGNING }))
    server.objects.put(webhook('billing', { signature: { secretKeyRef: { name: 'billing', key: 'secret' } } }))
    expect((await fromCluster('--with-secrets')).code).toBe(0)
    server.objects.put(apiSettings({ maxPageSize: 60 }))
    chmodSync(at('kept/billing/secret'), 0o644)
    writeFileSync(at('out/old.yaml'), WRITTEN.replaceAll('billing', 'old').split('---')[0] as string)
    expect(await fromCluster('--with-secrets')).toMatchObject({ code: 1 })
    const { code, stdout, stderr } = await fromCluster('--with-secrets', '--overwrite')
    expect(code).toBe(0)
    expect(stdout).toBe(
      `${at('out/apisettings-default.yaml')} replaced\n${at('out/webhook-billing.yaml')} unchanged\n${at('kept/billing/secret')} narrowed\n`,
    )
    expect(stderr).toContain('old.yaml:2: Webhook/old is not among what is imported; it stays')
    expect(statSync(at('kept/billing/secret')).mode & 0o777).toBe(0o600)
    expect(readFileSync(at('out/apisettings-default.yaml'), 'utf8')).toContain('maxPageSize: 60')
  })

  it('prints nothing but the documents, whatever it writes besides', async () => {
    server.objects.put(secret('billing', { secret: SIGNING }))
    server.objects.put(webhook('billing', { signature: { secretKeyRef: { name: 'billing', key: 'secret' } } }))
    const { stdout, stderr } = await run('--from', 'cluster', '--secrets', at('kept'), '--with-secrets')
    expect(stdout).toBe((await run('--from', 'cluster')).stdout)
    expect(stderr).toBe(`${at('kept/billing/secret')} created\n`)
    expect(readFileSync(at('kept/billing/secret'), 'utf8')).toBe(SIGNING)
  })

  it('leaves out what is being deleted', async () => {
    server.objects.put(webhook('leaving', {}, { finalizers: ['example.com/hold'] }))
    server.objects.delete('webhooks', 'leaving')
    expect(await run('--from', 'cluster')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'notice: Webhook/leaving is being deleted: left out\nno resources were found\n',
    })
    server.objects.put(webhook('leaving', {}, { finalizers: [] }))
  })

  it('from files lists what validate lists, and writes nothing', async () => {
    place.write(
      'bad.yaml',
      WRITTEN.replace('time_entry:created', 'time_entry:create').replace('maxPageSize: 50', 'maxPageSize: 0'),
    )
    const { code, stdout, stderr } = await run('--from', 'files', place.config)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('[UnknownEvent]')
    expect(stderr).toContain('[OutOfBounds]')
    expect(stderr).toContain('2 problems: nothing was written\n')
  })

  it('says why a cluster cannot be read', async () => {
    const bare = await startFakeApiServer({ tls: true })
    vi.stubEnv('KUBECONFIG', bare.kubeconfig(at('bare')))
    const missing = await run('--from', 'cluster', '--namespace', 'other')
    expect(missing.code).toBe(1)
    expect(missing.stderr).toContain('webhooks.nepenthes.dev in namespace other cannot be read')
    expect(missing.stderr).toContain('2 problems: nothing was written\n')
    await bare.close()
    expect((await run('--from', 'cluster')).stderr).toContain('Is the API server there? Try again.')
    vi.stubEnv('KUBECONFIG', at('none'))
    expect((await run('--from', 'cluster')).stderr).toMatch(/^nepenthes: --from cluster: /)
  })

  it.each([
    [[], "required option '--from <where>' not specified"],
    [['--from', 'here'], '--from "here": expected cluster or files'],
    [['--from', 'files'], '--from files: name the files or directories to take over'],
    [['--from', 'files', '/nowhere/at/all'], 'no such file or directory: /nowhere/at/all'],
    [['--from', 'files', '.', '--with-secrets'], '--with-secrets: goes with --from cluster only'],
    [['--from', 'cluster', '.'], '--from cluster: takes no paths'],
    [['--from', 'cluster', '--overwrite'], '--overwrite: goes with --to or --with-secrets only'],
    [['--from', 'cluster', '--namespace', 'A'], '--namespace "A": expected a namespace name'],
    [['--from', 'cluster', '--with-secrets', '--to', 'a', '--secrets', 'a/b'], '--secrets "a/b": lies in --to "a"'],
  ])('%j is wrong usage', async (args, message) => {
    const ran = await run(...args)
    expect(ran).toMatchObject({ code: 2, stdout: '' })
    expect(ran.stderr).toContain(message)
  })
})
