import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { apiSettingsYaml, webhookYaml } from '../reconcile/environment.ts'
import { nepenthes } from '../support/cli.ts'
import { startCluster, webhook } from '../support/cluster.ts'
import type { FakeApiServer } from '../support/fake-apiserver/index.ts'
import { createPlace, sendHalves, startProgram, type Place, type Program } from '../support/program.ts'
import { createReceiver, type Answer, type Receiver } from '../support/receiver.ts'

let place: Place
let receiver: Receiver
const running: Program[] = []

async function start(...flags: string[]): Promise<Program> {
  const program = await startProgram(place, flags)
  running.push(program)
  return program
}

beforeEach(async () => {
  place = createPlace()
  receiver = await createReceiver()
  place.write('hook.yaml', webhookYaml('hook', `url: ${receiver.url}`, 'events: [project:created]'))
})
afterEach(async () => {
  for (const program of running.splice(0)) await program.kill('SIGKILL')
  await receiver.close()
  place.dispose()
})

const createProject = (program: Program, identifier: string) =>
  program.call('POST', '/api/v3/projects', { name: identifier, identifier })

describe('a kill', () => {
  it('loses nothing that was acknowledged: what was in flight is sent again, under the same id', async () => {
    receiver.answer = 'hang'
    const first = await start()
    await first.until('Webhook/hook', 'Ready', 'True')
    expect((await createProject(first, 'one')).status).toBe(201)
    await receiver.received(1)
    await first.kill('SIGKILL')
    receiver.answer = 204
    const second = await start()
    const [before, after] = await receiver.received(2)
    expect(after?.headers['webhook-id']).toBe(before?.headers['webhook-id'])
    expect(String(after?.body)).toBe(String(before?.body))
    await second.until('Webhook/hook', 'Delivering', 'True')
    expect((await second.call('GET', '/api/v3/projects/one')).status).toBe(200)
  })
})

describe('SIGTERM', () => {
  it('finishes what is in flight, records it, and ends with 0', async () => {
    let answerNow: () => void = () => {}
    const asked = new Promise<void>((resolve) => (answerNow = resolve))
    receiver.answer = () => {
      answerNow()
      return 204
    }
    const program = await start()
    await program.until('Webhook/hook', 'Ready', 'True')
    await createProject(program, 'one')
    await asked
    expect(await program.kill('SIGTERM')).toEqual({ code: 0, signal: null })
    const again = await start()
    await again.until('Webhook/hook', 'Delivering', 'True', 'Delivered')
    expect(receiver.requests).toHaveLength(1)
  })

  it('waits for no client that never finishes its request', async () => {
    const program = await start()
    await program.until('Webhook/hook', 'Ready', 'True')
    await sendHalves(program)
    expect(await program.kill('SIGTERM')).toEqual({ code: 0, signal: null })
  })

  it('ends the quickstart through npm too', async () => {
    const child = spawn(
      'npm',
      ['start', '--', '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0', '--data', place.data],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    await vi.waitFor(() => expect(said).toContain('received  work_package:created'), { timeout: 20_000, interval: 20 })
    await vi.waitFor(() => expect(said).toContain('curl -u'), { timeout: 5_000, interval: 20 })
    child.kill('SIGTERM')
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    expect([code, signal]).toEqual([0, null])
  })
})

describe('in a cluster', () => {
  let server: FakeApiServer
  beforeEach(async () => {
    server = await startCluster()
    server.objects.put(webhook('hook', { url: receiver.url }))
  })
  afterEach(() => server.close())

  async function startInCluster(): Promise<Program> {
    const env = { KUBECONFIG: server.kubeconfig(join(place.root, 'kubeconfig')) }
    const program = await startProgram(place, ['--kubernetes'], env)
    running.push(program)
    await program.until('Webhook/hook', 'Ready', 'True')
    return program
  }

  /** Has the program send a request that is answered when the test says so. */
  async function sendOne(program: Program): Promise<(answer: Answer) => void> {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    receiver.answer = () => promise
    expect((await createProject(program, 'one')).status).toBe(201)
    await receiver.received(1)
    return resolve
  }

  /** Writes are no longer taken. */
  const closed = (program: Program) =>
    vi.waitFor(
      async () => {
        const status = await createProject(program, 'one').then(
          (answer) => answer.status,
          () => 'refused',
        )
        expect([503, 'refused']).toContain(status)
      },
      { timeout: 15_000, interval: 20 },
    )

  const setHolder = (holderIdentity: string) => {
    const lease = server.objects.get('leases', 'nepenthes-operator') as NonNullable<
      ReturnType<typeof server.objects.get>
    >
    server.objects.put({ ...lease, spec: { ...(lease.spec as object), holderIdentity } })
  }
  const holder = () => server.objects.get('leases', 'nepenthes-operator')?.spec as { holderIdentity: string }

  async function deliveredOnce(): Promise<void> {
    const again = await startInCluster()
    await again.until('Webhook/hook', 'Delivering', 'True', 'Delivered')
    expect(receiver.requests).toHaveLength(1)
  }

  it('SIGTERM: nothing more is accepted while what is in flight ends', async () => {
    const program = await startInCluster()
    const answer = await sendOne(program)
    const exit = program.kill('SIGTERM')
    await closed(program)
    expect(receiver.connections).toBe(1)
    answer(204)
    expect(await exit).toEqual({ code: 0, signal: null })
    await deliveredOnce()
  })

  it('whose lease is taken over, the program finishes what is in flight, and fails', async () => {
    const program = await startInCluster()
    const answer = await sendOne(program)
    const exit = once(program.child, 'exit')
    setHolder('another')
    await program.logged('cannot go on')
    await closed(program)
    expect(receiver.connections).toBe(1)
    answer(204)
    expect(await exit).toEqual([1, null])
    const log = program.log.join('\n')
    expect(log).toContain(
      '\nnepenthes: the lease nepenthes-operator of the namespace default was taken over by another: ',
    )
    expect(log, 'no stack: it is no bug').not.toMatch(/"stack"|^ +at /m)
    expect(holder()).toMatchObject({ holderIdentity: 'another' })
    setHolder('')
    await deliveredOnce()
  })
})

describe('the data directory', () => {
  it('belongs to one process: a second says who holds it', async () => {
    const program = await start()
    const second = await nepenthes([
      'run',
      '--config',
      place.config,
      '--data',
      place.data,
      '--listen',
      '127.0.0.1:0',
      '--admin-listen',
      '127.0.0.1:0',
    ])
    expect(second.code).toBe(1)
    expect(second.stderr).toContain(String(program.child.pid))
  })

  it('cannot be a file, nor lie in the watched directory', async () => {
    const refused = async (data: string) => {
      const args = [
        'run',
        '--config',
        place.config,
        '--data',
        data,
        '--listen',
        '127.0.0.1:0',
        '--admin-listen',
        '127.0.0.1:0',
      ]
      const { code, stderr } = await nepenthes(args)
      expect(stderr).not.toContain('    at ')
      return `${code}: ${stderr}`
    }
    writeFileSync(join(place.root, 'file'), '')
    expect(await refused(join(place.root, 'file'))).toMatch(
      /^1: nepenthes: cannot use .*file as the data directory: it is a file/,
    )
    expect(await refused(join(place.config, 'data'))).toMatch(
      /^1: nepenthes: --data .* lies inside the watched directory/,
    )
    expect(existsSync(join(place.config, 'data'))).toBe(false)
  })

  it('holds nothing but for its owner', async () => {
    await start()
    expect(statSync(join(place.data, 'api-token')).mode & 0o777).toBe(0o600)
    expect(statSync(place.data).mode & 0o777).toBe(0o700)
  })
})

describe('the watched directory', () => {
  it('may go and come back: nothing is deleted, changes made meanwhile are seen', async () => {
    const program = await start()
    await program.until('Webhook/hook', 'Ready', 'True')
    const away = join(place.root, 'away')
    renameSync(place.config, away)
    await vi.waitFor(async () => expect(JSON.stringify(await problems(program))).toContain(place.config), {
      timeout: 15_000,
      interval: 50,
    })
    expect((await program.resource('Webhook/hook'))?.status.conditions[0]?.status).toBe('True')
    writeFileSync(join(away, 'api.yaml'), apiSettingsYaml('maxPageSize: 7'))
    renameSync(away, place.config)
    await program.until('ApiSettings/default', 'Ready', 'True')
  })

  it('missing at the start: reads are served, writes wait, readiness says so; once it is there all is well', async () => {
    rmSync(place.config, { recursive: true })
    const program = await start()
    const write = await createProject(program, 'early')
    expect([write.status, write.headers.has('retry-after')]).toEqual([503, true])
    expect((await fetch(`${program.admin}/readyz`)).status).toBe(503)
    mkdirSync(place.config)
    await vi.waitFor(async () => expect((await fetch(`${program.admin}/readyz`)).status).toBe(200), {
      timeout: 15_000,
      interval: 50,
    })
    expect((await createProject(program, 'early')).status).toBe(201)
  })

  it('missing at a later start: what was in force goes on', async () => {
    const first = await start()
    await first.until('Webhook/hook', 'Ready', 'True')
    await first.kill('SIGTERM')
    rmSync(place.config, { recursive: true })
    const second = await start()
    expect((await createProject(second, 'two')).status).toBe(201)
    await receiver.received(1)
  })

  it('a file that stops parsing keeps its resources, across a restart too', async () => {
    const first = await start()
    await first.until('Webhook/hook', 'Ready', 'True')
    place.write('hook.yaml', 'kind: [')
    await vi.waitFor(async () => expect(JSON.stringify(await problems(first))).toContain('hook.yaml'), {
      timeout: 15_000,
      interval: 50,
    })
    await first.kill('SIGTERM')
    const second = await start()
    await second.until('Webhook/hook', 'Ready', 'True')
    expect((await createProject(second, 'two')).status).toBe(201)
    await receiver.received(1)
  })

  it('a removed file stops new deliveries at once', async () => {
    const program = await start()
    await program.until('Webhook/hook', 'Ready', 'True')
    rmSync(join(place.config, 'hook.yaml'))
    await vi.waitFor(async () => expect(await program.resource('Webhook/hook')).toBeUndefined(), {
      timeout: 15_000,
      interval: 20,
    })
    expect((await createProject(program, 'one')).status).toBe(201)
    expect(receiver.requests).toHaveLength(0)
  })
})

async function problems(program: Program): Promise<unknown> {
  const response = await fetch(`${program.admin}/v1/resources`)
  return ((await response.json()) as { problems: unknown }).problems
}
