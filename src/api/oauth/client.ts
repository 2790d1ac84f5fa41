import { timingSafeEqual } from 'node:crypto'
import { fail, ok, type Result } from '../../base/result.ts'
import type { RecordReader } from '../../storage/store.ts'
import type { ApplicationRecord } from '../../storage/tables.ts'
import { hashToken } from '../tokens.ts'
import { findApplication } from './applications.ts'
import { oauthError, type OAuthError } from './errors.ts'
import type { Params } from './params.ts'

/**
 * Which application asks: by Basic or in the form, never by both (RFC 6749 §2.3.1). The library would do it too, but reads neither Basic in
 * any case nor what is percent-encoded in it, answers 400 to who does not say who it is, and 200 when revoking. It gets what was read here.
 */
export interface Client {
  readonly application: ApplicationRecord
  readonly secret: string | undefined
}

interface Credentials {
  readonly id: string | undefined
  readonly secret: string | undefined
}

/** One text for all: who guesses learns nothing of what was wrong. */
const WRONG = oauthError('invalid_client', 'There is no such client, or its secret is another.')

export async function authenticateClient(
  store: RecordReader,
  authorization: string | undefined,
  { values }: Params,
): Promise<Result<Client, OAuthError>> {
  const form = { id: values.get('client_id'), secret: values.get('client_secret') }
  const basic = readBasic(authorization)
  if (basic === 'unreadable') return fail(WRONG)
  if (basic && (form.secret !== undefined || (form.id !== undefined && form.id !== basic.id)))
    return fail(oauthError('invalid_request', 'The client must say who it is in one way only.'))
  const { id, secret } = basic ?? form
  if (id === undefined)
    return fail(oauthError('invalid_client', 'The client must say who it is, by Basic or client_id.'))
  const application = await findApplication(store, id)
  return application && isSecretOf(application, secret) ? ok({ application, secret }) : fail(WRONG)
}

/** A public application has no secret, and must not pretend to have one. */
export function isSecretOf({ secretHash }: ApplicationRecord, secret: string | undefined): boolean {
  if (secretHash === null) return secret === undefined
  return secret !== undefined && timingSafeEqual(Buffer.from(secretHash), Buffer.from(hashToken(secret)))
}

function readBasic(authorization: string | undefined): Credentials | 'unreadable' | undefined {
  const [, encoded] = /^basic\s+(\S+)\s*$/i.exec(authorization ?? '') ?? []
  if (encoded === undefined) return undefined
  const [, id, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? []
  try {
    return { id: decode(id), secret: decode(secret) }
  } catch {
    return 'unreadable'
  }
}

/** Both are form-encoded before they are put together. */
function decode(text = ''): string | undefined {
  return text === '' ? undefined : decodeURIComponent(text.replaceAll('+', ' '))
}
