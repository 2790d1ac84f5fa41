import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { startApp, type App } from '../../src/app.ts'
import { systemClock } from '../../src/base/clock.ts'
import { runUntilStopped } from '../../src/cli/run.ts'
import { refuseAttempts } from '../storage/full.ts'
import { startCluster, webhook } from '../support/cluster.ts'
import type { FakeApiServer } from '../support/fake-apiserver/index.ts'
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts'
import { createPlace, sendHalves, type Place } from '../support/program.ts'
import { createReceiver, type Answer, type Receiver } from '../support/receiver.ts'

/** What it promises, and what anybody who ends it has to wait at most. */
const LIMIT_MS = 10_000

let place: Place
let receiver: Receiver
let server: FakeApiServer
let clock: FakeClock
let app: App
const log: string[] = []

beforeEach(async () => {
  place = createPlace()
  receiver = await createReceiver()
  server = await startCluster()
  clock = createFakeClock(systemClock.now())
  vi.stubEnv('KUBECONFIG', server.kubeconfig(join(place.root, 'kubeconfig')))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await receiver.close()
  await server.close()
  place.dispose()
})

async function start(): Promise<App> {
  const nowhere = { host: '127.0.0.1', port: 0 }
  app = await startApp(
    {
      mode: { kind: 'kubernetes', namespace: undefined },
      dataDir: place.data,
      secretsDir: place.secrets,
      listen: nowhere,
      adminListen: nowhere,
      publicUrl: undefined,
      allowAddresses: ['127.0.0.0/8'],
      deliveryLog: { maxAgeDays: 30, maxBytes: 2 ** 32 },
      apiToken: undefined,
      adminToken: undefined,
      logLevel: 'info',
    },
    { clock, writeLog: (line) => void log.push(line) },
  )
  return app
}

/** Looks again and again, while time goes on. */
const until = (look: () => Promise<void>) =>
  vi.waitFor(
    async () => {
      clock.advance(100)
      await look()
    },
    { timeout: 15_000, interval: 20 },
  )

const ready = (name: string) =>
  until(async () => {
    const response = await fetch(`${app.adminOrigin}/v1/resources/Webhook/${name}`)
    expect(await response.text()).toContain('"type":"Ready","status":"True"')
  })

async function createProject(): Promise<void> {
  const token = readFileSync(join(place.data, 'api-token'), 'utf8').trim()
  const response = await fetch(`${app.apiOrigin}/api/v3/projects`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{"name": "one", "identifier": "one"}',
  })
  expect(response.status).toBe(201)
}

/**
 * Moves time on to whatever is waited for next, each time only once all else has come as far as it can. It never reaches the limit: a
 * program that waits for something beyond it does not end.
 */
async function passUntil(ended: Promise<unknown>): Promise<void> {
  const end = clock.elapsed() + LIMIT_MS
  let over = false
  void ended.finally(() => (over = true))
  for (;;) {
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    if (over || clock.elapsed() + clock.untilNext >= end) return
    clock.advance(clock.untilNext)
  }
}

it('SIGTERM: it ends in time, whoever keeps silent and although the disk is full', async () => {
  server.objects.put(webhook('hook', { url: receiver.url }))
  server.objects.put(webhook('silent', { url: `${receiver.url}&silent` }))
  const host = Object.assign(new EventEmitter(), { exit: vi.fn<(code: number) => void>() })
  const ended = runUntilStopped(start, { host, clock, err: (text) => void log.push(text) })
  await until(async () => expect(log.join('')).toContain('"listening"'))
  await ready('hook')
  await ready('silent')

  const { promise, resolve } = Promise.withResolvers<Answer>()
  receiver.answer = ({ path }) => (path.endsWith('silent') ? 'hang' : promise)
  await createProject()
  await receiver.received(2)
  await sendHalves({ api: app.apiOrigin, admin: app.adminOrigin })
  refuseAttempts(place.data)
  server.faults.inject({ resource: 'leases' }, { kind: 'hang' })

  const askedAt = clock.elapsed()
  host.emit('SIGTERM')
  resolve(204)
  await passUntil(ended)
  expect(await ended).toBe(0)
  expect(host.exit).not.toHaveBeenCalled()
  // All of it was waited for, one after the other where it has to be.
  expect(clock.elapsed() - askedAt).toBeGreaterThan(6_000)
  expect(log.join('')).toContain('could not be recorded')
})
