import { describe, expect, it } from 'vitest'
import { inspect } from 'node:util'
import { SecretValue } from '../../src/base/secret.ts'
import { rememberingReader, resolveCredentials } from '../../src/reconcile/credentials.ts'
import type { SecretLookup } from '../../src/resources/source.ts'
import { effectiveWebhook, type WebhookSpec } from '../../src/resources/webhook.ts'

const ref = (key: string) => ({ secretKeyRef: { name: 'hook', key } })
const found = (text: string): SecretLookup => ({ state: 'found', value: new SecretValue(text) })

function resolve(spec: Partial<WebhookSpec>, secrets: Record<string, SecretLookup | string>) {
  const effective = effectiveWebhook('hook', { url: 'https://receiver.example/', events: ['project:created'], ...spec })
  return resolveCredentials(effective, ({ key }) => {
    const lookup = secrets[key] ?? { state: 'key-missing' as const }
    return typeof lookup === 'string' ? found(lookup) : lookup
  })
}

const signed = (key = 'secret') => ({ signature: ref(key) })
const reasonFor = (secret: SecretLookup | string) => {
  const result = resolve(signed(), { secret })
  return result.ok ? 'usable' : result.error.reason
}

describe('a signature secret', () => {
  const rows: [string, string, string][] = [
    ['16 bytes of text', 'a'.repeat(16), 'usable'],
    ['15 bytes of text', 'a'.repeat(15), 'InvalidSecret'],
    ['15 bytes and a newline', `${'a'.repeat(15)}\n`, 'InvalidSecret'],
    ['8 characters of 2 bytes', 'é'.repeat(8), 'usable'],
    ['nothing', '', 'InvalidSecret'],
    ['a newline alone', '\n', 'InvalidSecret'],
    ['whsec_ and base64', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'usable'],
    ['whsec_ and no base64', 'whsec_not base64!', 'InvalidSecret'],
    ['whsec_ and nothing', 'whsec_', 'InvalidSecret'],
    ['whsec_ and too few bytes', `whsec_${Buffer.alloc(15).toString('base64')}`, 'InvalidSecret'],
    ['whsec_ and url-safe base64', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa_-', 'InvalidSecret'],
  ]
  it.each(rows)('of %s', (_, secret, expected) => expect(reasonFor(secret)).toBe(expected))

  it('says why it is missing', () => {
    expect(reasonFor({ state: 'not-found' })).toBe('SecretNotFound')
    expect(reasonFor({ state: 'key-missing' })).toBe('SecretKeyMissing')
    expect(reasonFor({ state: 'not-permitted' })).toBe('RefNotPermitted')
    expect(reasonFor({ state: 'malformed', reason: 'is not UTF-8 text' })).toBe('InvalidSecret')
    expect(reasonFor({ state: 'unreadable', reason: 'EIO' })).toBe('SecretNotFound')
  })

  it('loses exactly one trailing newline', () => {
    const result = resolve(signed(), { secret: `${'a'.repeat(20)}\n\n` })
    expect(result.ok && result.value.signing.map((value) => value.reveal())).toEqual([`${'a'.repeat(20)}\n`])
  })

  it('comes first of two while a rotation is under way', () => {
    const result = resolve(
      { signature: { secretKeyRef: ref('new').secretKeyRef, previousSecretKeyRef: ref('old').secretKeyRef } },
      { new: 'n'.repeat(20), old: 'o'.repeat(20) },
    )
    expect(result.ok && result.value.signing.map((value) => value.reveal()[0])).toEqual(['n', 'o'])
  })
})

describe('other secrets', () => {
  it('a secret URL must be one', () => {
    const tried = (url: string) => {
      const result = resolve({ url: undefined as never, urlFrom: ref('url') }, { url })
      return result.ok ? `${result.value.url} ${result.value.urlIsSecret}` : result.error.reason
    }
    expect(tried('https://receiver.example/t/abc\n')).toBe('https://receiver.example/t/abc true')
    expect(tried('ftp://receiver.example/')).toBe('InvalidSecret')
    expect(tried('https://user:pass@receiver.example/')).toBe('InvalidSecret')
    expect(tried('nonsense')).toBe('InvalidSecret')
  })

  it('a header value must be one a header can carry', () => {
    const tried = (value: string) =>
      resolve({ headers: [{ name: 'Authorization', valueFrom: ref('auth') }] }, { auth: value }).ok
    expect(tried('Bearer abc')).toBe(true)
    expect(tried('Bearer abc\r\nX-Evil: 1')).toBe(false)
    expect(tried('Bearer \u{1F600}')).toBe(false)
  })

  it('a certificate authority must be PEM', () => {
    const result = resolve({ tls: { ca: ref('ca') } }, { ca: 'not a certificate' })
    expect(result.ok ? '' : result.error.reason).toBe('InvalidSecret')
  })

  it('all that is wrong is said at once, the first reason leading, and no value is ever repeated', () => {
    const result = resolve(
      { ...signed('missing'), headers: [{ name: 'X-Key', valueFrom: ref('bad') }] },
      { bad: 'very-secret\u0001value' },
    )
    expect(result).toEqual({
      ok: false,
      error: {
        reason: 'SecretKeyMissing',
        message: 'Secret hook has no key missing. Secret hook, key bad, holds characters a header cannot carry.',
      },
    })
  })

  it('no way of printing credentials shows a secret', () => {
    const result = resolve(signed(), { secret: 'super-secret-signing-key' })
    expect(
      inspect(result, { depth: 9 }) + JSON.stringify(result) + String(result.ok && result.value.signing[0]),
    ).not.toContain('super-secret')
  })
})

describe('a failed read', () => {
  it('keeps the value in memory; a deleted Secret does not', () => {
    const reads: SecretLookup[] = [
      found('first'),
      { state: 'unreadable', reason: 'EIO' },
      { state: 'not-found' },
      { state: 'unreadable', reason: 'EIO' },
    ]
    const { read } = rememberingReader({
      get: () => reads.shift() ?? { state: 'not-found' },
      start: async () => {},
      stop: async () => {},
    })
    const states = [1, 2, 3, 4].map(() => read({ name: 'a', key: 'b' }).state)
    expect(states).toEqual(['found', 'found', 'not-found', 'unreadable'])
  })
})
