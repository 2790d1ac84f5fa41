import type { TokenAdmin } from './admin/tokens.ts'
import type { ApiStore } from './api/context.ts'
import { createToken, listTokens, revokeToken, type TokenFailure } from './api/tokens.ts'
import type { Clock } from './base/clock.ts'
import type { Random } from './base/random.ts'
import { fail, ok } from './base/result.ts'

interface Parts {
  readonly clock: Clock
  readonly random: Random
}

/** The API's tokens as the admin listener wants them: with failures in words. */
export function tokenAdmin(store: ApiStore, { clock, random }: Parts): TokenAdmin {
  return {
    async create(user, name) {
      const created = await createToken(store, clock, random, { login: user, name })
      if (!created.ok) return fail(tokenFailure(created.error, user, name))
      const { info, token } = created.value
      return ok({ id: info.id, user: info.login, name: info.name, createdAt: info.createdAt, text: token })
    },
    list: async () =>
      (await listTokens(store)).map(({ id, login, name, createdAt }) => ({ id, user: login, name, createdAt })),
    async revoke(id) {
      const revoked = await revokeToken(store, id)
      if (revoked.ok) return revoked
      return fail(revoked.error.reason === 'no-such-token' ? undefined : tokenFailure(revoked.error, '', ''))
    },
  }
}

function tokenFailure({ reason }: TokenFailure, user: string, name: string): string {
  switch (reason) {
    case 'no-such-user':
      return `there is no user ${user}`
    case 'not-active':
      return `${user} is not active: an administrator takes a lock off with DELETE /api/v3/users/${user}/lock, and lets in who was invited with PATCH and "status": "active"`
    case 'name-taken':
      return `${user} has a token named ${name} already: choose another name, or revoke that one`
    case 'kept':
      return 'the token named administrator is kept by the program: to change it, set NEPENTHES_API_TOKEN or replace api-token in the data directory, and restart'
    case 'no-such-token':
    case 'unavailable':
      return 'the store cannot write just now: is the disk full?'
  }
}
