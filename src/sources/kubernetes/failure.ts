import { isRecord } from '../../resources/finding.ts'

/** Why a call to the API server did not do what it was for. */
export interface Failure {
  /**
   * `unavailable`: nothing or nonsense came back, 429, 5xx; the same call may work later. `expired`: 410, the version or the place in a
   * list is no longer known. `missing`: 404. `conflict`: 409. `forbidden`: 403, or 401 with credentials read anew. `refused`: any other
   * answer; the same call will not work later either.
   */
  readonly kind: 'unavailable' | 'expired' | 'missing' | 'conflict' | 'forbidden' | 'refused'
  /** The server's words, or the network's. */
  readonly message: string
  /** Of `forbidden`: it is who we say we are that is not accepted (401). */
  readonly unknownToServer?: true
  /** How long the server asks to be left alone, as far as we have the patience. */
  readonly retryAfterMs?: number
}

const MESSAGE_MAX = 300
const RETRY_AFTER_MAX_MS = 300_000
/** What server-side apply says to a field that the definition does not have. */
const NOT_DECLARED = 'field not declared in schema'

/** What an answer other than 2xx says; `body` is a Status object if the API server itself gave it. */
export function failureOf(status: number, body: unknown, retryAfter: string | null = null): Failure {
  const told = isRecord(body) ? body : {}
  const message = typeof told['message'] === 'string' ? told['message'].slice(0, MESSAGE_MAX) : `HTTP status ${status}`
  if (status === 410 || told['reason'] === 'Expired' || told['reason'] === 'Gone') return { kind: 'expired', message }
  if (status === 404) return { kind: 'missing', message }
  if (status === 409) return { kind: 'conflict', message }
  // No permission is lacking, though the status is the same.
  if (causes(told).includes('NamespaceTerminating')) return { kind: 'refused', message }
  if (status === 401) return { kind: 'forbidden', message, unknownToServer: true }
  if (status === 403) return { kind: 'forbidden', message }
  // After the server's store was restored from a backup, what was seen is in its future.
  if (causes(told).includes('ResourceVersionTooLarge')) return { kind: 'expired', message }
  // Of a definition older than this program; the server takes it for a fault of its own.
  if (message.includes(NOT_DECLARED)) return { kind: 'refused', message }
  if (status < 500 && status !== 429 && status !== 408) return { kind: 'refused', message }
  const retryAfterMs = retryAfterOf(told, retryAfter)
  return { kind: 'unavailable', message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

/** What is to be done about `forbidden`: what grants the right, unless nobody would know whom to grant it. */
export function remedyOf({ unknownToServer }: Failure, grant: string): string {
  return unknownToServer ? 'renew the token or certificate, which is not accepted' : grant
}

/** An event of type ERROR in a watch carries a Status. */
export function failureOfStatus(status: unknown): Failure {
  const code = isRecord(status) ? status['code'] : undefined
  return failureOf(typeof code === 'number' ? code : 500, status)
}

export function unavailable(message: string): Failure {
  return { kind: 'unavailable', message: message.slice(0, MESSAGE_MAX) }
}

function causes(status: Readonly<Record<string, unknown>>): unknown[] {
  const list = isRecord(status['details']) ? status['details']['causes'] : undefined
  return Array.isArray(list) ? list.map((cause: unknown) => (isRecord(cause) ? cause['reason'] : undefined)) : []
}

function retryAfterOf(status: Readonly<Record<string, unknown>>, header: string | null): number | undefined {
  const told = isRecord(status['details']) ? status['details']['retryAfterSeconds'] : undefined
  const seconds = header !== null && /^\d{1,6}$/.test(header) ? Number(header) : told
  return typeof seconds === 'number' && seconds > 0 ? Math.min(seconds * 1000, RETRY_AFTER_MAX_MS) : undefined
}
