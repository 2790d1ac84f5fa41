import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import type { SecretValue } from '../base/secret.ts'

/** Values of the two signature headers of one attempt. */
export interface Signatures {
  /** `webhook-signature` (Standard Webhooks 1.0.0): `v1,<base64>`, one item per live secret, the current one first. */
  readonly standard: string
  /** `X-OP-Signature`, for receivers written for the original: `sha1=<hex>` of the body alone. */
  readonly legacy: string
}

/** Signs attempts with the secrets it was made of; the keys are prepared once. */
export interface Signer {
  /** `body` are the bytes that will be sent; `timestamp` is the `webhook-timestamp`, Unix seconds. */
  sign(id: string, timestamp: number, body: Uint8Array): Signatures
}

const PREFIX = 'whsec_'

/** What a Standard Webhooks library uses as the key: what `whsec_` decodes to, else the secret's own bytes. */
function standardKey(secret: string): Buffer {
  if (secret.startsWith(PREFIX)) return Buffer.from(secret.slice(PREFIX.length), 'base64')
  return Buffer.from(secret)
}

/** Prepares the keys; undefined without secrets: deliveries then go unsigned. */
export function createSigner(secrets: readonly SecretValue[]): Signer | undefined {
  const [current] = secrets
  if (!current) return undefined
  const keys = secrets.map((secret) => createSecretKey(standardKey(secret.reveal())))
  const legacyKey = createSecretKey(Buffer.from(current.reveal()))
  return {
    sign(id, timestamp, body) {
      const lead = `${id}.${timestamp}.`
      return {
        standard: keys.map((key) => standardItem(key, lead, body)).join(' '),
        legacy: 'sha1=' + createHmac('sha1', legacyKey).update(body).digest('hex'),
      }
    },
  }
}

function standardItem(key: KeyObject, lead: string, body: Uint8Array): string {
  return 'v1,' + createHmac('sha256', key).update(lead).update(body).digest('base64')
}
