import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { documentFromObject } from '../../src/resources/document.ts'
import type { ParseFile } from '../../src/resources/resource.ts'
import { apiSettings, webhook } from '../support/cluster.ts'
import type { Manifest } from '../support/fake-apiserver/index.ts'
import { createEnvironment, type Environment } from './environment.ts'

let env: Environment
beforeEach(async () => {
  env = await createEnvironment(parseObject)
  await env.start()
})
afterEach(() => env.close())

const A = 'Webhook/a'
const B = 'Webhook/b'
const OLD = { url: 'https://old.example/y' }
const UNSUPPORTED = { events: ['attachment:created'] }

/** A file holds one object as the API server has it. */
const parseObject: ParseFile = (bytes, file) => {
  const document = documentFromObject(JSON.parse(Buffer.from(bytes).toString()), file)
  return { documents: document ? [document] : [], problems: [], notices: [] }
}

const object = (manifest: Manifest, uid: string, generation = 1) =>
  JSON.stringify({ ...manifest, metadata: { ...manifest.metadata, uid, generation } })
const a = (spec: Record<string, unknown>, uid: string, generation = 1) => object(webhook('a', spec), uid, generation)
const url = () => env.snapshot.webhooks.get('a')?.credentials?.url
const status = () => env.controller.get(A)?.status

describe('an object that is deleted and made anew between two looks', () => {
  it('has nothing of the deleted one in force, valid or not', async () => {
    await env.put({ a: a(OLD, 'first', 2) })
    await env.put({ a: a({ ...OLD, ...UNSUPPORTED }, 'second') })
    expect([env.condition(A, 'Programmed'), status()?.programmedGeneration, url()]).toEqual([
      'False NeverValid',
      undefined,
      undefined,
    ])
    expect(env.snapshot.routes.match({ name: 'project:created', projectId: 1, projectIdentifier: 'x' })).toEqual([])
    await env.put({ a: a({ url: 'https://new.example/y' }, 'third') })
    expect([env.condition(A, 'Ready'), url()]).toEqual(['True Ready', 'https://new.example/y'])
    expect(status()).toMatchObject({ observedGeneration: 1, programmedGeneration: 1 })
  })

  it('while the operator was not running, likewise', async () => {
    await env.put({ a: a(OLD, 'first', 2) })
    await env.restart(() => env.source.put({ a: a(UNSUPPORTED, 'second') }))
    expect([env.condition(A, 'Programmed'), url()]).toEqual(['False NeverValid', undefined])
  })

  it('leaves its display name to whoever wants it', async () => {
    await env.put({ a: a({ displayName: 'Billing' }, 'first') })
    const taker = object(webhook('b', { displayName: 'billing' }), 'other')
    await env.put({ a: a({ displayName: 'Billing', ...UNSUPPORTED }, 'second'), b: taker })
    expect(env.condition(B, 'Ready')).toBe('True Ready')
  })

  it('that holds settings leaves the defaults', async () => {
    await env.put({ s: object(apiSettings({ maxPageSize: 7 }), 'first') })
    await env.put({ s: object(apiSettings({ maxPageSize: 0 }), 'second') })
    expect(env.snapshot.api.maxPageSize).toBe(1000)
  })
})

describe('the same object', () => {
  it('keeps its last good spec, across a restart and while its origin is silent too', async () => {
    await env.put({ a: a(OLD, 'first') })
    await env.put({ a: a({ ...OLD, ...UNSUPPORTED }, 'first', 2) })
    await env.restart()
    await env.settle(() => env.source.silence('a'))
    await env.restart()
    expect(env.snapshot.webhooks.get('a')).toMatchObject({ generation: 1, uid: 'first' })
    await env.put({ a: a({ ...OLD, ...UNSUPPORTED }, 'first', 2) })
    expect([env.condition(A, 'Programmed'), url()]).toEqual(['False LastGoodActive', OLD.url])
  })
})
