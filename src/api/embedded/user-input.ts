import { ok, type Result } from '../../base/result.ts'
import type { RecordReader } from '../../storage/store.ts'
import type { UserRecord } from '../../storage/tables.ts'
import type { ApiError } from '../errors.ts'
import { boolean, checkText, parseProperties, readBody, text, violation } from './body.ts'
import type { Parsed, RequestBody } from './body.ts'

const TEXT_MAX = 255
const LOGIN_MAX = 256
/** What logins have always been made of (reference §12.2 as served); `me` is a name of whoever asks. */
const LOGIN = /^(?!me$)[a-z0-9_\-@.+ ]+$/i
const EMAIL = /^[^\s@]+@[^\s@]+$/
const LANGUAGE = /^[a-z]{2,3}(-[A-Za-z]{2,4})?$/

const FIELDS = {
  login: text,
  firstName: text,
  lastName: text,
  email: text,
  language: text,
  admin: boolean,
  status: text,
}

/** What a request says of a user. */
export interface UserInput {
  readonly body: RequestBody
  readonly fields: Parsed<typeof FIELDS>
  readonly errors: readonly ApiError[]
}

export function readInput(raw: unknown): Result<UserInput, ApiError> {
  const body = readBody(raw)
  if (!body.ok) return body
  const errors: ApiError[] = []
  return ok({ body: body.value, fields: parseProperties(body.value.fields, FIELDS, errors), errors })
}

export async function checkUser(store: RecordReader, record: UserRecord): Promise<ApiError[]> {
  const errors = [
    ...checkText('login', 'Username', record.login, LOGIN_MAX),
    ...checkText('email', 'Email', record.email, TEXT_MAX),
    ...checkText('firstName', 'First name', record.firstName, TEXT_MAX),
    ...checkText('lastName', 'Last name', record.lastName, TEXT_MAX),
  ]
  if (!LOGIN.test(record.login)) errors.push(violation('login', 'Username is invalid.'))
  if (!EMAIL.test(record.email)) errors.push(violation('email', 'Email is invalid.'))
  if (!LANGUAGE.test(record.language)) errors.push(violation('language', 'Language is invalid.'))
  const holder = record.login === '' ? undefined : await store.find('users', 'login', record.login)
  if (holder && holder.id !== record.id) errors.push(violation('login', 'Username has already been taken.'))
  return errors
}
