import { createHash } from 'node:crypto'
import { SecretValue } from '../base/secret.ts'
import type { Credentials } from '../routing/snapshot.ts'
import { createSigner, type Signer } from './sign.ts'

/** What stays the same from attempt to attempt while a webhook's credentials do; prepared once for them. */
export interface Receiver {
  readonly origin: string
  readonly path: string
  /** Connections are shared by whoever calls the same origin with the same extra trust. */
  readonly connectionKey: string
  readonly ca: string | undefined
  readonly signer: Signer | undefined
  /** Alternating names and values of the headers every attempt carries. */
  readonly headers: readonly string[]
  /** Everything to mask in what comes back, longest first. */
  readonly secrets: readonly SecretValue[]
  /** Neither host nor address may be shown. */
  readonly urlIsSecret: boolean
}

export function createReceiver(credentials: Credentials, version: string): Receiver {
  const url = new URL(credentials.url)
  const ca = credentials.ca
  const trust = ca === undefined ? '' : createHash('sha256').update(ca).digest('hex')
  return {
    origin: url.origin,
    path: url.pathname + url.search,
    connectionKey: `${url.origin} ${trust}`,
    ca,
    signer: createSigner(credentials.signing),
    headers: [
      'content-type',
      'application/json',
      'user-agent',
      `Nepenthes/${version}`,
      ...credentials.headers.flatMap((header) => [header.name, header.value]),
    ],
    secrets: secretsToMask(credentials, url),
    urlIsSecret: credentials.urlIsSecret,
  }
}

/** A part of a secret that is shorter, or has no digit and is not long, may well be an ordinary word. */
const PART_MIN = 8
const WORD_MAX = 15

/**
 * Receivers echo what they were sent in other spellings: only the path of the URL or a segment of it, the token of a header without its
 * scheme, or text escaped as JSON.
 */
function secretsToMask(credentials: Credentials, url: URL): SecretValue[] {
  const texts = new Set(credentials.secrets.map((secret) => secret.reveal()))
  if (credentials.urlIsSecret) {
    for (const part of [url.href, url.pathname + url.search, url.pathname, url.search, url.host, url.hostname])
      texts.add(part)
    for (const value of url.searchParams.values()) texts.add(value)
    for (const segment of url.pathname.split('/')) for (const part of [segment, decoded(segment)]) addPart(texts, part)
  }
  for (const text of [...texts]) addPart(texts, /^[\w-]+ +(\S.*)$/.exec(text)?.[1] ?? '')
  for (const text of [...texts]) texts.add(JSON.stringify(text).slice(1, -1))
  // A text of a letter or two would mask half the answer and hide nothing.
  const worthwhile = [...texts].filter((text) => text.length >= 4)
  return worthwhile.sort((a, b) => b.length - a.length).map((text) => new SecretValue(text))
}

function addPart(texts: Set<string>, part: string): void {
  if (part.length > WORD_MAX || (part.length >= PART_MIN && /\d/.test(part))) texts.add(part)
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
