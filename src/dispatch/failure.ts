import { errors } from 'undici'
import { errorCode } from '../base/errors.ts'
import type { AttemptOutcome } from '../storage/records.ts'
import { AddressRefusedError } from './guard.ts'

/** Why an attempt got no status code: its class, and a text for people that stays the same while the cause does. */
export interface Failure {
  readonly outcome: Exclude<AttemptOutcome, 'success' | 'http'>
  readonly message: string
}

type Row = readonly [Failure['outcome'], string]

/** By error code. The texts name no address, port or id: a status condition repeats them. */
const BY_CODE: Readonly<Record<string, Row>> = {
  ENOTFOUND: ['dns', 'the host name was not found'],
  ENODATA: ['dns', 'the host name has no address'],
  EAI_AGAIN: ['dns', 'the name server gave no answer'],
  EAI_FAIL: ['dns', 'the name server failed'],
  EAI_NODATA: ['dns', 'the host name has no address'],
  EAI_NONAME: ['dns', 'the host name was not found'],
  ECONNREFUSED: ['connect', 'the connection was refused'],
  ECONNRESET: ['connect', 'the connection was reset'],
  ECONNABORTED: ['connect', 'the connection was aborted'],
  EPIPE: ['connect', 'the receiver closed the connection before it had read the request'],
  EHOSTUNREACH: ['connect', 'the host is unreachable'],
  EHOSTDOWN: ['connect', 'the host is down'],
  ENETUNREACH: ['connect', 'the network is unreachable'],
  ENETDOWN: ['connect', 'the network is down'],
  EADDRNOTAVAIL: ['connect', 'no local address or port was free for the connection'],
  EMFILE: ['connect', 'too many files and connections are open in this process'],
  ETIMEDOUT: ['timeout', 'the connection timed out'],
  UND_ERR_SOCKET: ['connect', 'the receiver closed the connection without a complete answer'],
  UND_ERR_HEADERS_OVERFLOW: ['protocol', 'the response headers are larger than 16 KiB'],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ['protocol', 'the response body is shorter than it said'],
  EPROTO: ['tls', 'the TLS handshake failed: the receiver may not speak TLS on this port'],
  ERR_SSL_WRONG_VERSION_NUMBER: ['tls', 'the TLS handshake failed: the receiver may not speak TLS on this port'],
  CERT_HAS_EXPIRED: ['tls', "the receiver's certificate has expired"],
  CERT_NOT_YET_VALID: ['tls', "the receiver's certificate is not valid yet"],
  CERT_REVOKED: ['tls', "the receiver's certificate is revoked"],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['tls', "the receiver's certificate is self-signed; spec.tls.ca adds trust"],
  SELF_SIGNED_CERT_IN_CHAIN: [
    'tls',
    "the receiver's certificate comes from an unknown authority; spec.tls.ca adds trust",
  ],
  UNABLE_TO_GET_ISSUER_CERT: [
    'tls',
    "the receiver's certificate comes from an unknown authority; spec.tls.ca adds trust",
  ],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [
    'tls',
    "the receiver's certificate comes from an unknown authority; spec.tls.ca adds trust",
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    'tls',
    "the receiver's certificate cannot be verified: it may not send the whole chain; spec.tls.ca adds trust",
  ],
  ERR_TLS_CERT_ALTNAME_INVALID: ['tls', "the receiver's certificate is for another host name"],
}

/** Classifies whatever a connection attempt or an exchange ended with. */
export function failureOf(error: unknown): Failure {
  if (error instanceof AddressRefusedError) return { outcome: 'address-blocked', message: error.message }
  // Several addresses were tried and all failed: the first tells as much as any.
  if (error instanceof AggregateError && error.errors.length > 0) return failureOf(error.errors[0])
  // Some of them carry no code.
  if (error instanceof errors.HTTPParserError) return { outcome: 'protocol', message: FAMILY_TEXT.protocol }
  const code = errorCode(error) ?? ''
  const row = BY_CODE[code]
  if (row) return { outcome: row[0], message: row[1] }
  return { outcome: familyOf(code), message: `${FAMILY_TEXT[familyOf(code)]}${code === '' ? '' : ` (${code})`}` }
}

const FAMILY_TEXT = {
  tls: 'the TLS connection failed',
  dns: 'the look-up of the host name failed',
  protocol: 'the answer was not valid HTTP',
  connect: 'the connection failed',
} as const

function familyOf(code: string): keyof typeof FAMILY_TEXT {
  if (/^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|UNABLE_TO_|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_CA|CRL_)/.test(code))
    return 'tls'
  if (code.startsWith('EAI_')) return 'dns'
  if (code.startsWith('HPE_') || code.startsWith('UND_ERR_')) return 'protocol'
  return 'connect'
}
