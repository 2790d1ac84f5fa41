import { afterEach, describe, expect, it } from 'vitest'
import { createEnvironment, webhookYaml, type Environment } from './environment.ts'

let env: Environment
afterEach(() => env.close())

describe('starting', () => {
  it('an empty environment is a complete configuration: the defaults', async () => {
    env = await createEnvironment()
    expect(env.snapshot.complete).toBe(false)
    await env.start()
    expect(env.snapshot).toMatchObject({ complete: true, api: { enabled: true, maxPageSize: 1000 } })
  })

  it('what is there at the start comes in one step', async () => {
    env = await createEnvironment()
    env.source.put({ 'a.yaml': webhookYaml('a'), 'b.yaml': webhookYaml('b') })
    await env.start()
    expect(env.snapshot).toMatchObject({ version: 1, complete: true })
    expect(env.snapshot.webhooks.size).toBe(2)
  })

  it('what the specs in force read from Secrets is told first, whatever the documents say by now; and that it is no longer read', async () => {
    env = await createEnvironment()
    const signed = (name: string) => `signature: {secretKeyRef: {name: ${name}, key: key}}`
    env.source.put({ 'a.yaml': webhookYaml('a', signed('old')), 'b.yaml': webhookYaml('b', signed('other')) })
    await env.start()
    await env.put({ 'a.yaml': webhookYaml('a', signed('new'), 'events: [none]') })
    env.secrets.inForce?.('Webhook/a', [])
    await env.restart()
    expect(Object.fromEntries(env.secrets.reads)).toEqual({ 'Webhook/a': ['old/key'], 'Webhook/b': ['other/key'] })
    await env.put({ 'a.yaml': webhookYaml('a', signed('new')) })
    expect(env.secrets.reads.get('Webhook/a')).toEqual(['new/key'])
    await env.remove('a.yaml', 'b.yaml')
    expect(env.secrets.reads.size).toBe(0)
  })

  it('stopping while the first pass is stored waits for it, and leaves no timer', async () => {
    env = await createEnvironment()
    env.source.put({ 'a.yaml': webhookYaml('a') })
    let stopped: Promise<boolean> | undefined
    env.whileStoring(() => {
      stopped = env.controller.stop().then(() => env.snapshot.complete)
    })
    await env.start()
    expect([await stopped, env.clock.timers]).toEqual([true, 0])
  })

  it('stopping ends everything: no timer is left, and later changes do nothing', async () => {
    env = await createEnvironment()
    await env.start()
    await env.put({ 'a.yaml': webhookYaml('a') })
    await env.controller.stop()
    const { version } = env.snapshot
    env.source.put({ 'b.yaml': webhookYaml('b') })
    env.controller.healthChanged(['a'])
    expect(env.clock.timers).toBe(0)
    expect(env.snapshot.version).toBe(version)
  })
})
