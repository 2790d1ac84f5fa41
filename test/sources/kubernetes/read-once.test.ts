import { describe, expect, it } from 'vitest'
import { fail, ok, type Result } from '../../../src/base/result.ts'
import type { Api, Call } from '../../../src/sources/kubernetes/api.ts'
import type { Failure } from '../../../src/sources/kubernetes/failure.ts'
import { readKind } from '../../../src/sources/kubernetes/read-once.ts'

const EXPIRED: Failure = { kind: 'expired', message: 'the continue token is too old' }
const page = (names: readonly string[], next = '') =>
  ok({ items: names.map((name) => ({ metadata: { name } })), metadata: { continue: next } })

/** Answers one call after the other, and remembers which page each asked for. */
function scripted(...answers: Result<unknown, Failure>[]) {
  const asked: (string | undefined)[] = []
  const api: Api = {
    call: (call: Call) => {
      asked.push(call.query?.['continue'])
      return Promise.resolve(answers.shift() ?? fail({ kind: 'refused', message: 'asked too often' }))
    },
    open: () => Promise.reject(new Error('nothing is watched')),
  }
  const read = () => readKind('Webhook', { api, namespace: 'n', signal: new AbortController().signal })
  return { asked, read }
}

describe('reading a kind once', () => {
  it('follows the pages', async () => {
    const { asked, read } = scripted(page(['a', 'b'], 'p2'), page(['c']))
    expect(await read()).toEqual(ok(['a', 'b', 'c'].map((name) => ({ metadata: { name } }))))
    expect(asked).toEqual([undefined, 'p2'])
  })

  it('begins again when the server has forgotten the place, and gives up after the third time', async () => {
    const { asked, read } = scripted(page(['gone'], 'p2'), fail(EXPIRED), page(['a']))
    expect(await read()).toEqual(ok([{ metadata: { name: 'a' } }]))
    expect(asked).toEqual([undefined, 'p2', undefined])
    const forgetful = scripted(fail(EXPIRED), fail(EXPIRED), fail(EXPIRED), page(['a']))
    expect(await forgetful.read()).toEqual(fail(EXPIRED))
  })

  it('takes nothing else for a list', async () => {
    const { read } = scripted(ok({ kind: 'Status' }))
    expect(await read()).toMatchObject({ ok: false, error: { kind: 'unavailable' } })
  })
})
