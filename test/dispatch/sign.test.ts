import { createHmac, randomBytes } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { SecretValue } from '../../src/base/secret.ts'
import { createSigner } from '../../src/dispatch/sign.ts'

const signer = (...secrets: string[]) => {
  const made = createSigner(secrets.map((secret) => new SecretValue(secret)))
  if (!made) throw new Error('no signer')
  return made
}

const WHSEC = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const PLAIN = "It's a Secret to Everybody"

describe('webhook-signature', () => {
  it('matches the test vector of Standard Webhooks', () => {
    const { standard } = signer(WHSEC).sign(
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      1614265330,
      Buffer.from('{"test": 2432232314}'),
    )
    expect(standard).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })

  it('is accepted by the reference library for any secret, each by itself during a rotation', () => {
    const body = Buffer.from('{"comment":"Grüße €\\u0000"}')
    const timestamp = Math.floor(Date.now() / 1000)
    const { standard } = signer(WHSEC, PLAIN).sign('evt_1', timestamp, body)
    const headers = { 'webhook-id': 'evt_1', 'webhook-timestamp': String(timestamp), 'webhook-signature': standard }
    expect(standard).toMatch(/^v1,\S{44} v1,\S{44}$/)
    expect(() => new Webhook(WHSEC).verify(body.toString(), headers)).not.toThrow()
    expect(() => new Webhook(PLAIN, { format: 'raw' }).verify(body.toString(), headers)).not.toThrow()
    const other = 'whsec_' + randomBytes(24).toString('base64')
    expect(() => new Webhook(other).verify(body.toString(), headers)).toThrow()
    expect(() => new Webhook(WHSEC).verify(body.toString() + ' ', headers)).toThrow()
  })

  it('treats a plain secret as whsec_ and the base64 of its bytes', () => {
    const encoded = 'whsec_' + Buffer.from(PLAIN).toString('base64')
    const body = Buffer.from('{}')
    expect(signer(PLAIN).sign('evt_1', 1, body).standard).toBe(signer(encoded).sign('evt_1', 1, body).standard)
  })
})

describe('X-OP-Signature', () => {
  it("is keyed by the current secret's text, whsec_ included", () => {
    const body = Buffer.from('Hello, World!')
    const expected = 'sha1=' + createHmac('sha1', WHSEC).update('Hello, World!').digest('hex')
    expect(signer(WHSEC, PLAIN).sign('evt_1', 1, body).legacy).toBe(expected)
    // echo -n 'Hello, World!' | openssl dgst -sha1 -hmac "It's a Secret to Everybody"
    expect(signer(PLAIN, WHSEC).sign('evt_1', 1, body).legacy).toBe('sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59')
  })
})

it('leaves deliveries without a secret unsigned', () => {
  expect(createSigner([])).toBeUndefined()
})
