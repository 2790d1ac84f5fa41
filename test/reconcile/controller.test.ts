import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DeliveryHealth, DeliveringReason } from '../../src/status/status.ts'
import { apiSettingsYaml, createEnvironment, webhookYaml, type Environment } from './environment.ts'

let env: Environment
beforeEach(async () => {
  env = await createEnvironment()
  await env.start()
})
afterEach(() => env.close())

const A = 'Webhook/a'
const B = 'Webhook/b'
const SETTINGS = 'ApiSettings/default'
const SIGNED = 'signature: {secretKeyRef: {name: a, key: secret}}'
const INVALID = 'delivery: {maxAttempts: 99}'

function health(status: 'True' | 'False' | 'Unknown', reason: DeliveringReason): DeliveryHealth {
  return {
    delivering: { status, reason, message: 'as told' },
    lastSuccessAt: null,
    lastFailureAt: Date.UTC(2026, 2, 1),
    lastFailure: 'HTTP 500',
    consecutiveFailures: 3,
    pending: 7,
    nextAttemptAt: null,
    handledResumeAt: null,
  }
}

describe('a valid resource', () => {
  it('is accepted, resolved, programmed and ready, and live in the snapshot', async () => {
    await env.put({ 'a.yaml': webhookYaml('a') })
    const status = env.controller.get(A)?.status
    expect(
      status?.conditions.map(({ type, status, reason, observedGeneration }) => [
        type,
        status,
        reason,
        observedGeneration,
      ]),
    ).toEqual([
      ['Accepted', 'True', 'Accepted', 1],
      ['ResolvedRefs', 'True', 'ResolvedRefs', 1],
      ['Programmed', 'True', 'Programmed', 1],
      ['Ready', 'True', 'Ready', 1],
      ['Delivering', 'Unknown', 'NoDeliveries', 1],
    ])
    expect(status).toMatchObject({
      observedGeneration: 1,
      programmedGeneration: 1,
      endpoint: 'https://receiver.example',
    })
    expect(
      env.snapshot.routes
        .match({ name: 'time_entry:created', projectId: 1, projectIdentifier: 'x' })
        .map(({ name }) => name),
    ).toEqual(['a'])
  })

  it('gets a new generation when its meaning changes, and none when only its text does', async () => {
    await env.put({ 'a.yaml': webhookYaml('a', 'events: [project:created, project:updated]') })
    await env.put({ 'a.yaml': `# a comment\n${webhookYaml('a', 'events: [project:updated, project:created]')}` })
    expect(env.controller.get(A)?.metadata.generation).toBe(1)
    await env.put({ 'a.yaml': webhookYaml('a', 'events: [project:created]') })
    expect(env.controller.get(A)?.metadata.generation).toBe(2)
    await env.restart()
    expect(env.controller.get(A)?.metadata.generation).toBe(2)
  })

  it('that is disabled says so', async () => {
    await env.put({ 'a.yaml': webhookYaml('a', 'enabled: false') })
    expect(env.condition(A, 'Programmed')).toBe('True Disabled')
    expect(env.condition(A, 'Ready')).toBe('True Ready')
    expect(env.condition(A, 'Delivering')).toBe('Unknown Disabled')
  })

  it('shows selected projects that do not exist, until they do', async () => {
    await env.put({ 'a.yaml': webhookYaml('a', 'projects: [demo, "7"]') })
    expect(env.controller.get(A)?.status.unmatchedProjects).toEqual(['demo', '7'])
    expect(env.condition(A, 'Ready')).toBe('True Ready')
    env.projects.add('demo')
    await env.settle(() => env.controller.projectsChanged(['demo', '12']))
    expect(env.controller.get(A)?.status.unmatchedProjects).toEqual(['7'])
  })

  it('hides a secret URL', async () => {
    env.secrets.set('a', 'url', 'https://receiver.example/T0/very-secret')
    await env.put({ 'a.yaml': webhookYaml('a', 'urlFrom: {secretKeyRef: {name: a, key: url}}') })
    expect(env.controller.get(A)?.status.endpoint).toBe('(secret)')
    expect(JSON.stringify(env.controller.list())).not.toContain('very-secret')
  })
})

describe('an invalid resource', () => {
  it('that was never valid runs nothing and is stalled', async () => {
    await env.put({ 'a.yaml': webhookYaml('a', INVALID), 'b.yaml': webhookYaml('b') })
    expect(env.condition(A, 'Accepted')).toBe('False InvalidSpec')
    expect(env.condition(A, 'ResolvedRefs')).toBe('Unknown Pending')
    expect(env.condition(A, 'Programmed')).toBe('False NeverValid')
    expect(env.condition(A, 'Ready')).toBe('False InvalidSpec')
    expect(env.condition(A, 'Stalled')).toBe('True InvalidSpec')
    expect([...env.snapshot.webhooks.keys()]).toEqual(['b'])
  })

  it('leaves the last good spec in force, across a restart too', async () => {
    await env.put({ 'a.yaml': webhookYaml('a', 'displayName: Good') })
    await env.put({ 'a.yaml': webhookYaml('a', 'displayName: Bad', INVALID) })
    for (const restarted of [false, true]) {
      if (restarted) await env.restart()
      expect(env.condition(A, 'Programmed')).toBe('False LastGoodActive')
      expect(env.controller.get(A)?.status).toMatchObject({ observedGeneration: 2, programmedGeneration: 1 })
      expect(env.snapshot.webhooks.get('a')?.spec.displayName).toBe('Good')
    }
    await env.put({ 'a.yaml': webhookYaml('a', 'displayName: Better') })
    expect(env.condition(A, 'Ready')).toBe('True Ready')
    expect(env.condition(A, 'Stalled')).toBeUndefined()
    expect(env.controller.get(A)?.status.programmedGeneration).toBe(3)
  })

  it('can always be switched off', async () => {
    await env.put({ 'a.yaml': webhookYaml('a') })
    await env.put({ 'a.yaml': webhookYaml('a', 'enabled: false', INVALID) })
    expect(env.condition(A, 'Accepted')).toBe('False InvalidSpec')
    expect(env.condition(A, 'Programmed')).toBe('False LastGoodActive')
    expect(env.snapshot.webhooks.get('a')?.spec.enabled).toBe(false)
    await env.put({ 's.yaml': apiSettingsYaml('maxPageSize: 50') })
    await env.put({ 's.yaml': apiSettingsYaml('maxPageSize: 0', 'enabled: false') })
    expect(env.snapshot.api).toMatchObject({ enabled: false, maxPageSize: 50 })
    await env.restart()
    expect(env.snapshot.webhooks.get('a')?.spec.enabled).toBe(false)
    expect(env.snapshot.api.enabled).toBe(false)
  })

  it('names every problem', async () => {
    await env.put({ 's.yaml': apiSettingsYaml('maxPageSize: 0', 'cors: {allowedOrigins: ["*"]}', 'dosc: {}') })
    const message = env.controller.get(SETTINGS)?.status.conditions[0]?.message ?? ''
    for (const part of ['maxPageSize', 'allowedOrigins', 'dosc']) expect(message).toContain(part)
  })

  it('that asks for what the backend does not send is told which events it does', async () => {
    await env.put({ 'a.yaml': webhookYaml('a', 'events: [attachment:created]') })
    expect(env.condition(A, 'Accepted')).toBe('False UnsupportedValue')
    expect(env.condition(A, 'Ready')).toBe('False UnsupportedValue')
    expect(env.condition(A, 'Stalled')).toBeUndefined()
  })
})

describe('Secrets', () => {
  const reason = () => env.condition(A, 'ResolvedRefs')

  it('hold deliveries while they are missing or unusable, and are used as soon as they are there', async () => {
    await env.put({ 'a.yaml': webhookYaml('a', SIGNED) })
    expect(reason()).toBe('False SecretNotFound')
    expect(env.condition(A, 'Programmed')).toBe('True Programmed')
    expect(env.condition(A, 'Ready')).toBe('False SecretNotFound')
    expect(env.snapshot.webhooks.get('a')).toMatchObject({ hold: { reason: 'SecretNotFound' }, credentials: undefined })

    await env.settle(() => env.secrets.set('a', 'other', 'x'))
    expect(reason()).toBe('False SecretKeyMissing')
    await env.settle(() => env.secrets.set('a', 'secret', 'short'))
    expect(reason()).toBe('False InvalidSecret')
    expect(env.condition(A, 'Stalled')).toBe('True InvalidSecret')
    await env.settle(() => env.secrets.set('a', 'secret', { state: 'not-permitted' }))
    expect(reason()).toBe('False RefNotPermitted')
    expect(env.controller.get(A)?.status.conditions[1]?.message).toContain(
      'kubectl label secret a nepenthes.dev/webhook=true',
    )
    await env.settle(() => env.secrets.set('a', 'secret', 'long enough to sign with'))
    expect(reason()).toBe('True ResolvedRefs')
    expect(env.snapshot.webhooks.get('a')?.credentials?.signing[0]?.reveal()).toBe('long enough to sign with')
  })

  it('that cannot be read for the moment keep their value', async () => {
    env.secrets.set('a', 'secret', 'long enough to sign with')
    await env.put({ 'a.yaml': webhookYaml('a', SIGNED) })
    await env.settle(() => env.secrets.set('a', 'secret', { state: 'unreadable', reason: 'EIO' }))
    expect(env.snapshot.webhooks.get('a')?.credentials?.signing[0]?.reveal()).toBe('long enough to sign with')
    await env.settle(() => env.secrets.set('a', 'secret', undefined))
    expect(env.snapshot.webhooks.get('a')?.hold?.reason).toBe('SecretNotFound')
  })

  it('that nothing in force refers to any more are forgotten; what another webhook refers to is not', async () => {
    const header = 'headers: [{name: X-Key, valueFrom: {secretKeyRef: {name: a, key: key}}}]'
    const holds = () => ['a', 'b'].map((name) => env.snapshot.webhooks.get(name)?.hold?.message)
    env.secrets.set('a', 'secret', 'long enough to sign with')
    env.secrets.set('a', 'key', 'old')
    await env.put({ 'a.yaml': webhookYaml('a', SIGNED, header), 'b.yaml': webhookYaml('b', SIGNED) })
    await env.put({ 'a.yaml': webhookYaml('a') })
    for (const key of ['secret', 'key'])
      await env.settle(() => env.secrets.set('a', key, { state: 'unreadable', reason: 'EIO' }))
    await env.put({ 'a.yaml': webhookYaml('a', SIGNED, header) })
    expect(holds()).toEqual(['Secret a, key key, cannot be read: EIO.', undefined])
    await env.remove('a.yaml', 'b.yaml')
    await env.put({ 'b.yaml': webhookYaml('b', SIGNED) })
    expect(holds()).toEqual([undefined, 'Secret a, key secret, cannot be read: EIO.'])
  })

  it('are rotated without touching anyone else', async () => {
    env.secrets.set('a', 'secret', 'long enough to sign with')
    await env.put({ 'a.yaml': webhookYaml('a', SIGNED), 'b.yaml': webhookYaml('b') })
    const before = env.snapshot
    await env.settle(() => env.secrets.set('a', 'secret', 'another long secret value'))
    expect(env.snapshot.webhooks.get('b')).toBe(before.webhooks.get('b'))
    expect(env.snapshot.webhooks.get('a')).not.toBe(before.webhooks.get('a'))
  })
})

describe('display names', () => {
  it('stay with the live holder until it goes, and then pass on', async () => {
    await env.put({ 'b.yaml': webhookYaml('b', 'displayName: Billing') })
    await env.put({ 'a.yaml': webhookYaml('a', 'displayName: BILLING') })
    expect(env.condition(A, 'Accepted')).toBe('False NameConflict')
    expect(env.controller.get(A)?.status.conditions[0]?.message).toContain(B)
    expect(env.condition(A, 'Stalled')).toBeUndefined()
    await env.remove('b.yaml')
    expect(env.condition(A, 'Ready')).toBe('True Ready')
  })

  it('with no holder go to the first path', async () => {
    await env.put({ '2.yaml': webhookYaml('a', 'displayName: X'), '1.yaml': webhookYaml('b', 'displayName: x') })
    expect([env.condition(A, 'Accepted'), env.condition(B, 'Accepted')]).toEqual([
      'False NameConflict',
      'True Accepted',
    ])
  })

  it('can be swapped by one commit', async () => {
    await env.put({ 'a.yaml': webhookYaml('a', 'displayName: X'), 'b.yaml': webhookYaml('b', 'displayName: Q') })
    await env.put({ 'a.yaml': webhookYaml('a', 'displayName: Q'), 'b.yaml': webhookYaml('b', 'displayName: X') })
    expect([env.condition(A, 'Ready'), env.condition(B, 'Ready')]).toEqual(['True Ready', 'True Ready'])
    expect(env.snapshot.webhooks.get('a')?.spec.displayName).toBe('Q')
  })

  it('of an invalid update stay held by the last good spec', async () => {
    await env.put({ 'a.yaml': webhookYaml('a', 'displayName: X') })
    await env.put({
      'a.yaml': webhookYaml('a', 'displayName: Q', INVALID),
      'b.yaml': webhookYaml('b', 'displayName: X'),
    })
    expect(env.condition(B, 'Accepted')).toBe('False NameConflict')
  })
})

describe('disappearing', () => {
  it('a removed document takes its resource with it', async () => {
    await env.put({ 'a.yaml': webhookYaml('a') })
    await env.remove('a.yaml')
    expect(env.controller.list()).toEqual([])
    expect(env.snapshot.webhooks.size).toBe(0)
  })

  it('a file that falls silent keeps its resources, across a restart too', async () => {
    await env.put({ 'a.yaml': webhookYaml('a'), 's.yaml': apiSettingsYaml('maxPageSize: 7') })
    await env.settle(() => env.source.silence('a.yaml'))
    expect(env.condition(A, 'Ready')).toBe('True Ready')
    await env.restart()
    expect(env.condition(A, 'Ready')).toBe('True Ready')
    expect(env.snapshot.webhooks.has('a')).toBe(true)
    expect(env.snapshot.api.maxPageSize).toBe(7)
  })

  it('a resource kept across a restart goes when its silent file is deleted', async () => {
    await env.put({ 'a.yaml': webhookYaml('a') })
    await env.settle(() => env.source.silence('a.yaml'))
    await env.restart()
    await env.remove('a.yaml')
    expect(env.controller.list()).toEqual([])
  })

  it('settings that go leave the defaults', async () => {
    await env.put({ 's.yaml': apiSettingsYaml('maxPageSize: 7') })
    expect(env.snapshot.api.maxPageSize).toBe(7)
    await env.remove('s.yaml')
    expect(env.snapshot.api.maxPageSize).toBe(1000)
  })
})

describe('delivery health', () => {
  it.each([
    ['True', 'Delivered'],
    ['False', 'EndpointFailing'],
    ['False', 'CircuitOpen'],
    ['False', 'EndpointGone'],
    ['False', 'AddressBlocked'],
  ] as const)('%s %s is reported and never touches Ready', async (status, reason) => {
    await env.put({ 'a.yaml': webhookYaml('a') })
    env.health.set('a', health(status, reason))
    await env.settle(() => env.controller.healthChanged(['a']))
    expect(env.condition(A, 'Delivering')).toBe(`${status} ${reason}`)
    expect(env.condition(A, 'Ready')).toBe('True Ready')
    expect(env.controller.get(A)?.status.delivery).toMatchObject({
      consecutiveFailures: 3,
      pending: 7,
      lastFailure: 'HTTP 500',
    })
  })

  it('counters alone are stored every 15 minutes only, a share of the webhooks each minute', async () => {
    await env.put({ 'a.yaml': webhookYaml('a') })
    env.health.set('a', health('True', 'Delivered'))
    await env.settle(() => env.controller.healthChanged(['a']))
    env.saves.length = 0
    env.health.set('a', { ...health('True', 'Delivered'), pending: 8 })
    await env.settle(() => env.controller.healthChanged(['a']))
    expect(env.saves).toEqual([])
    expect(env.controller.get(A)?.status.delivery?.pending).toBe(8)
    await env.settle(() => env.clock.advance(60_000))
    expect(env.saves).toEqual([1])
  })
})

describe('the swap', () => {
  it('applies what settles together in one step', async () => {
    const versions: number[] = []
    const before = env.snapshot.version
    await env.put({
      'a.yaml': webhookYaml('a'),
      'b.yaml': webhookYaml('b'),
      's.yaml': apiSettingsYaml('maxPageSize: 7'),
    })
    versions.push(env.snapshot.version)
    expect(versions).toEqual([before + 1])
    expect([env.snapshot.webhooks.size, env.snapshot.api.maxPageSize]).toEqual([2, 7])
  })

  it('does not happen when nothing changed', async () => {
    await env.put({ 'a.yaml': webhookYaml('a') })
    const { version } = env.snapshot
    await env.put({ 'a.yaml': `# comment\n${webhookYaml('a')}` })
    expect(env.snapshot.version).toBe(version)
  })

  it('waits while the disk is full: what was in force stays, says so, and goes on by itself', async () => {
    await env.put({ 'a.yaml': webhookYaml('a', 'displayName: Old') })
    env.setFullDisk(true)
    await env.put({ 'a.yaml': webhookYaml('a', 'displayName: New') })
    expect(env.snapshot.webhooks.get('a')?.spec.displayName).toBe('Old')
    expect(env.condition(A, 'Programmed')).toBe('False Pending')
    expect(env.condition(A, 'Reconciling')).toBe('True Pending')
    expect(env.condition(A, 'Ready')).toBe('False Pending')
    env.setFullDisk(false)
    await env.settle(() => env.clock.advance(30_000))
    expect(env.snapshot.webhooks.get('a')?.spec.displayName).toBe('New')
    expect(env.condition(A, 'Ready')).toBe('True Ready')
    expect(env.condition(A, 'Reconciling')).toBeUndefined()
  })
})
