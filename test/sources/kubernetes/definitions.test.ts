import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type { Clock } from '../../../src/base/clock.ts'
import { fail, ok, type Result } from '../../../src/base/result.ts'
import { customResourceDefinition } from '../../../src/resources/crd.ts'
import { KIND_NAMES } from '../../../src/resources/kinds.ts'
import type { Api, Call } from '../../../src/sources/kubernetes/api.ts'
import { applyDefinitions } from '../../../src/sources/kubernetes/definitions.ts'
import type { Failure } from '../../../src/sources/kubernetes/failure.ts'
import { nepenthesHere } from '../../support/cli.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

const DEFINITIONS = KIND_NAMES.map(customResourceDefinition)
const established = (status: string) => ok({ status: { conditions: [{ type: 'Established', status }] } })
const refused: Result<unknown, Failure> = fail({ kind: 'forbidden', message: 'no rights' })

/** Time that passes as soon as it is waited for. */
const clock: Clock = {
  ...createFakeClock(),
  after(_delayMs, fn) {
    queueMicrotask(fn)
    return { cancel: () => undefined }
  },
}

/** Applies both against an API server that answers as told. */
async function applied(answer: (call: Call, asked: number) => Result<unknown, Failure>) {
  const calls: Call[] = []
  const told: string[] = []
  const api: Api = {
    async call(call) {
      calls.push(call)
      return answer(call, calls.length)
    },
    open: () => Promise.reject(new Error('not used')),
  }
  const { signal } = new AbortController()
  const done = applyDefinitions(DEFINITIONS, { api, clock, signal, onApplied: (name) => told.push(name) })
  const error = await done.then(
    () => undefined,
    (thrown: unknown) => (thrown as Error).message,
  )
  return { calls, told, error }
}

describe('applying the definitions', () => {
  it('takes their fields over, server-side, and waits until each is served', async () => {
    const served = (asked: number) => established(asked < 4 ? 'False' : 'True')
    const { calls, told, error } = await applied(({ method }, asked) => (method ? ok({}) : served(asked)))
    expect(error).toBeUndefined()
    expect(told).toEqual(['apisettings.nepenthes.dev', 'webhooks.nepenthes.dev'])
    const writes = calls.filter(({ method }) => method === 'PATCH')
    expect(writes.map(({ body }) => body)).toEqual(DEFINITIONS)
    for (const { query, contentType } of writes) {
      expect(query).toEqual({ fieldManager: 'nepenthes-definitions', force: 'true' })
      expect(contentType).toBe('application/apply-patch+yaml')
    }
    // The first was looked at until it was served, the second once.
    expect(calls.length).toBe(2 + 3 + 1)
  })

  it('says what is refused', async () => {
    expect((await applied(() => refused)).error).toBe(
      'the definition apisettings.nepenthes.dev cannot be applied: no rights',
    )
    const { error } = await applied(({ method }) => (method ? ok({}) : refused))
    expect(error).toBe('the definition apisettings.nepenthes.dev cannot be read: no rights')
  })

  it('gives up on one that is never served', async () => {
    const { error, told } = await applied(({ method }) => (method ? ok({}) : established('False')))
    expect(error).toBe('the definition apisettings.nepenthes.dev was applied, but the API server does not serve it')
    expect(told).toEqual([])
  })
})

describe('nepenthes definitions', () => {
  it('prints them', async () => {
    const { code, stdout } = await nepenthesHere(['definitions'])
    expect(code).toBe(0)
    expect(parseAllDocuments(stdout).map((document) => document.toJS() as unknown)).toEqual(DEFINITIONS)
  })
})
