import { afterEach, beforeEach, describe, expect, it } from 'vitest'
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

describe('what happens while a pass is stored', () => {
  it('a Secret that arrives is used by the webhook the pass has brought', async () => {
    env.whileStoring(() => env.secrets.set('a', 'secret', 'long enough to sign with'))
    await env.settle(() => env.source.put({ 'a.yaml': webhookYaml('a', SIGNED) }), 2)
    expect(env.condition(A, 'ResolvedRefs')).toBe('True ResolvedRefs')
  })

  it('a project that is created is no longer unmatched', async () => {
    env.whileStoring(() => {
      env.projects.add('demo')
      env.controller.projectsChanged(['demo'])
    })
    await env.settle(() => env.source.put({ 'a.yaml': webhookYaml('a', 'projects: [demo]') }), 2)
    expect(env.controller.get(A)?.status.unmatchedProjects).toBeUndefined()
  })

  it('stopping leaves no timer, although the pass fails', async () => {
    env.setFullDisk(true)
    const stopped = Promise.withResolvers<void>()
    env.whileStoring(() => void env.controller.stop().then(stopped.resolve))
    env.source.put({ 'a.yaml': webhookYaml('a') })
    await stopped.promise
    expect(env.clock.timers).toBe(0)
  })
})

describe('a full disk', () => {
  it('forgets nothing of what could not be stored, however often it fails', async () => {
    env.setFullDisk(true)
    await env.put({ 'a.yaml': webhookYaml('a') })
    await env.put({ 'b.yaml': webhookYaml('b') })
    expect([env.condition(A, 'Programmed'), env.condition(B, 'Ready')]).toEqual(['False Pending', 'False Pending'])
    expect(env.controller.list().map(({ metadata }) => metadata.name)).toEqual(['a', 'b'])
    expect(env.snapshot.webhooks.size).toBe(0)
    env.setFullDisk(false)
    await env.settle(() => env.clock.advance(30_000))
    expect([env.condition(A, 'Ready'), env.condition(B, 'Ready')]).toEqual(['True Ready', 'True Ready'])
    expect([...env.snapshot.webhooks.keys()].sort()).toEqual(['a', 'b'])
  })

  it('at the first pass of all: nothing is published until the whole can be', async () => {
    await env.close()
    env = await createEnvironment()
    env.source.put({ 'a.yaml': webhookYaml('a'), 's.yaml': apiSettingsYaml('maxPageSize: 7') })
    env.setFullDisk(true)
    await env.start()
    expect(env.snapshot.complete).toBe(false)
    env.setFullDisk(false)
    await env.put({ 'b.yaml': webhookYaml('b') })
    expect(env.snapshot).toMatchObject({ version: 1, complete: true, api: { maxPageSize: 7 } })
    expect(env.snapshot.webhooks.size).toBe(2)
  })
})

describe('the off switch', () => {
  it('works on settings that were never valid', async () => {
    await env.put({ 's.yaml': apiSettingsYaml('enabled: false', 'maxPageSize: 0') })
    expect(env.snapshot.api).toMatchObject({ enabled: false, maxPageSize: 1000 })
    expect(env.condition(SETTINGS, 'Programmed')).toBe('False NeverValid')
    await env.restart()
    expect(env.snapshot.api.enabled).toBe(false)
  })

  it.each([
    ['of a version there is not', (text: string) => text.replace('dev/v1', 'dev/v1beta1')],
    ['without an apiVersion', (text: string) => text.replace('apiVersion: nepenthes.dev/v1\n', '')],
  ])('works in a document %s, which else changes nothing, and stays thrown over a restart', async (_, mistake) => {
    const programmed = () => {
      const { enabled, displayName } = env.snapshot.webhooks.get('a')?.spec ?? {}
      return [enabled, displayName]
    }
    await env.put({ 'a.yaml': webhookYaml('a', 'displayName: good') })
    await env.put({ 'a.yaml': mistake(webhookYaml('a', 'displayName: new')) })
    expect([programmed(), env.condition(A, 'Accepted')]).toEqual([[true, 'good'], 'False InvalidSpec'])
    await env.put({ 'a.yaml': mistake(webhookYaml('a', 'displayName: new', 'enabled: false')) })
    expect(programmed()).toEqual([false, 'good'])
    await env.restart()
    expect(programmed()).toEqual([false, 'good'])
    await env.put({ 'a.yaml': webhookYaml('a', 'displayName: new') })
    expect(programmed()).toEqual([true, 'new'])
  })

  it('is not thrown by what may be a resource of another product', async () => {
    await env.put({ 'a.yaml': webhookYaml('a') })
    const theirs = webhookYaml('a', 'enabled: false').replace('nepenthes.dev/v1', 'other.example/v1')
    await env.put({ 'b.yaml': theirs })
    expect(env.snapshot.webhooks.get('a')?.spec.enabled).toBe(true)
    expect(env.condition(A, 'Ready')).toBe('True Ready')
  })

  it('can be thrown back on a document that is still invalid', async () => {
    await env.put({ 'a.yaml': webhookYaml('a') })
    await env.put({ 'a.yaml': webhookYaml('a', 'enabled: false', INVALID) })
    const programmed = () => env.controller.get(A)?.status.conditions.find(({ type }) => type === 'Programmed')?.message
    expect([env.snapshot.webhooks.get('a')?.spec.enabled, programmed()]).toEqual([
      false,
      expect.stringContaining('switched off'),
    ])
    await env.put({ 'a.yaml': webhookYaml('a', 'enabled: true', INVALID) })
    expect([env.snapshot.webhooks.get('a')?.spec.enabled, programmed()]).toEqual([
      true,
      expect.not.stringContaining('switched off'),
    ])
  })

  it('stays thrown when the document can no longer be read, across a restart too', async () => {
    await env.put({ 'a.yaml': webhookYaml('a') })
    await env.put({ 'a.yaml': webhookYaml('a', 'enabled: false', INVALID) })
    await env.settle(() => env.source.silence('a.yaml'))
    await env.restart()
    expect(env.snapshot.webhooks.get('a')?.spec.enabled).toBe(false)
  })
})

describe('display names', () => {
  it('that become free by the move of one who waited pass on too', async () => {
    const name = (text: string) => `displayName: ${text}`
    await env.put({ 'a.yaml': webhookYaml('a', name('one')), 'c.yaml': webhookYaml('c', name('two')) })
    await env.put({ 'c.yaml': webhookYaml('c', name('one')), 'd.yaml': webhookYaml('d', name('two')) })
    expect([env.condition('Webhook/c', 'Accepted'), env.condition('Webhook/d', 'Accepted')]).toEqual([
      'False NameConflict',
      'False NameConflict',
    ])
    await env.settle(() => env.source.remove('a.yaml'), 2)
    expect([env.condition('Webhook/c', 'Ready'), env.condition('Webhook/d', 'Ready')]).toEqual([
      'True Ready',
      'True Ready',
    ])
  })

  it('lost stay lost for that reason when the file falls silent and the program restarts', async () => {
    await env.put({ 'b.yaml': webhookYaml('b', 'displayName: one') })
    await env.put({ 'a.yaml': webhookYaml('a', 'displayName: one') })
    await env.settle(() => env.source.silence('a.yaml'))
    await env.restart()
    expect(env.condition(A, 'Accepted')).toBe('False NameConflict')
    expect(env.condition(A, 'Stalled')).toBeUndefined()
  })
})

describe('a webhook nothing was ever delivered to', () => {
  it('is not called disabled once it is enabled', async () => {
    await env.put({ 'a.yaml': webhookYaml('a', 'enabled: false') })
    await env.put({ 'a.yaml': webhookYaml('a', 'enabled: true') })
    expect(env.condition(A, 'Delivering')).toBe('Unknown NoDeliveries')
  })

  it('echoes the annotation that asks to resume', async () => {
    const asking = (value: string) =>
      webhookYaml('a').replace('{name: a}', `{name: a, annotations: {nepenthes.dev/resumeAt: ${value}}}`)
    for (const value of ['first', 'second']) {
      await env.put({ 'a.yaml': asking(value) })
      expect(env.controller.get(A)?.status.lastHandledResumeAt).toBe(value)
    }
  })
})
