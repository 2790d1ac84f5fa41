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
