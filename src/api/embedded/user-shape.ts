import type { RecordReader } from '../../storage/store.ts'
import type { UserRecord } from '../../storage/tables.ts'
import type { ApiError } from '../errors.ts'
import { dateTime } from '../v3/representers/formats.ts'
import { userName } from '../v3/representers/user.ts'
import { boolean, text, violation } from './body.ts'
import { checkLimits, type Shape } from './shape.ts'

/** What logins have always been made of (reference §12.2 as served); `me` is a name of whoever asks. */
const LOGIN = /^(?!me$)[a-z0-9_\-@.+ ]+$/i
const EMAIL = /^[^\s@]+@[^\s@]+$/
const LANGUAGE = /^[a-z]{2,3}(-[A-Za-z]{2,4})?$/

const REQUIRED = { type: 'String', required: true, minLength: 1, maxLength: 255, read: text } as const

/** What a user consists of: see `Shape`. */
export const USER_SHAPE = {
  fields: {
    id: { type: 'Integer', name: 'ID', fixed: true, show: ({ id }) => id },
    name: { type: 'String', name: 'Name', fixed: true, show: userName },
    login: { ...REQUIRED, name: 'Username', maxLength: 256, column: 'login' },
    firstName: { ...REQUIRED, name: 'First name', column: 'firstName' },
    lastName: { ...REQUIRED, name: 'Last name', column: 'lastName' },
    email: { ...REQUIRED, name: 'Email', column: 'email' },
    language: { type: 'String', name: 'Language', hasDefault: true, read: text, column: 'language' },
    admin: { type: 'Boolean', name: 'Admin', hasDefault: true, read: boolean, column: 'admin' },
    status: { type: 'String', name: 'Status', hasDefault: true, read: text, column: 'status' },
    createdAt: { type: 'DateTime', name: 'Created on', fixed: true, show: ({ createdAt }) => dateTime(createdAt) },
    updatedAt: { type: 'DateTime', name: 'Updated on' },
  },
  links: {},
} as const satisfies Shape<UserRecord>

export async function checkUser(store: RecordReader, record: UserRecord): Promise<ApiError[]> {
  const { login, language } = record
  const email = record.email ?? ''
  const errors = checkLimits(USER_SHAPE, record)
  if (login.trim() !== '' && !LOGIN.test(login)) errors.push(violation('login', 'Username is invalid.'))
  if (email.trim() !== '' && !EMAIL.test(email)) errors.push(violation('email', 'Email is invalid.'))
  if (!LANGUAGE.test(language)) errors.push(violation('language', 'Language is invalid.'))
  if (await isTaken(store, record.id, 'login', login))
    errors.push(violation('login', 'Username has already been taken.'))
  if (await isTaken(store, record.id, 'email', email)) errors.push(violation('email', 'Email has already been taken.'))
  return errors
}

/** By another user, whatever the case of the letters. */
async function isTaken(store: RecordReader, id: number, column: 'login' | 'email', value: string): Promise<boolean> {
  const holder = value === '' ? undefined : await store.find('users', column, value)
  return holder !== undefined && holder.id !== id
}
