import type { AuthorizationServer, JwtInterface, OAuthException, OAuthTokenRepository } from '@jmondi/oauth2-server'
import { toError } from '../../base/errors.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { ApiContext } from '../context.ts'
import { isSecretOf } from './client.ts'
import { codeRepository } from './code-repository.ts'
import { clientOf, SCOPES, type Asked } from './entities.ts'
import { oauthError, Refused, type OAuthError } from './errors.ts'
import { SCOPE } from './lifetimes.ts'
import { tokenRepository } from './token-repository.ts'
import type { Unit } from './unit.ts'

/** Turns the text of a token into what the library would have found in a JWT. */
export type ReadToken = (text: string) => Record<string, unknown>

/**
 * The library's server for one request: it knows the grants and PKCE, its repositories gather what is to be written. Loaded when it is
 * first needed: that takes 70 ms, and most installations never need it.
 */
export async function createServer(
  context: ApiContext,
  asked: Asked,
  readToken: ReadToken = unreadable,
): Promise<AuthorizationServer> {
  const { AuthorizationServer, DateInterval } = await import('@jmondi/oauth2-server')
  const { application } = asked
  const clients = {
    getByIdentifier: async () => clientOf(application),
    isClientValid: async (_grant: string, _client: unknown, secret?: string) => isSecretOf(application, secret),
  }
  const scopes = {
    getAllByIdentifiers: async (names: string[]) => (names.every((name) => name === SCOPE) ? SCOPES : []),
    finalize: async () => SCOPES,
  }
  const server = new AuthorizationServer(
    clients,
    noting(asked.unit, tokenRepository(context, asked)),
    scopes,
    opaque(readToken),
    {
      // Who has a secret proves by it that the code is its own; a public application must prove it so.
      requiresPKCE: application.secretHash === null,
      requiresS256: false,
      useOpaqueAuthorizationCodes: true,
      useOpaqueRefreshTokens: true,
    },
  )
  // Grants want a length, which nothing comes of: see `NEVER`.
  const codes = { authCodeRepository: codeRepository(context, asked), userRepository: userRepository(context) }
  server.enableGrantType({ grant: 'authorization_code', ...codes }, new DateInterval('2h'))
  return server
}

/** The library takes whatever a token is not found by for an answer: it does not exist. So what goes wrong is noted: see `asResult`. */
function noting(unit: Unit, repository: OAuthTokenRepository): OAuthTokenRepository {
  const note = <T>(reading: Promise<T> | undefined) =>
    reading?.catch((thrown: unknown) => {
      if (!(thrown instanceof Refused)) unit.failure = toError(thrown)
      throw thrown
    }) as Promise<T>
  return {
    ...repository,
    getByRefreshToken: (text) => note(repository.getByRefreshToken(text)),
    getByAccessToken: (text) => note(repository.getByAccessToken?.(text)),
  }
}

function userRepository({ store }: ApiContext) {
  return {
    async getUserByCredentials(id: string | number) {
      const user = await store.get('users', Number(id))
      if (user?.status !== 'active') throw new Refused('invalid_grant', 'The user account is locked or gone.')
      return { id: user.id }
    },
  }
}

/** Access tokens are no JWTs: what would be signed is left out but for the token itself, which is in it as its name. */
function opaque(readToken: ReadToken): JwtInterface {
  return {
    sign: async (payload) => String((payload as Record<string, unknown>)['jti']),
    verify: async (text) => readToken(text),
    decode: () => null,
  }
}

function unreadable(): never {
  throw new Refused('invalid_grant', 'There is no such token.')
}

/** What comes of asking the library: refusals as values, in our words where its own repeat what came in. */
export async function asResult<T>(work: () => Promise<T>, unit?: Unit): Promise<Result<T, OAuthError>> {
  try {
    const answer = await work()
    if (unit?.failure !== undefined) throw unit.failure
    return ok(answer)
  } catch (thrown) {
    if (thrown instanceof Refused) return fail(thrown.refusal)
    if (!isException(thrown)) throw thrown
    return fail(refusalOf(thrown))
  }
}

function isException(thrown: unknown): thrown is OAuthException {
  return thrown instanceof Error && 'errorType' in thrown
}

function refusalOf({ errorType, errorDescription }: OAuthException): OAuthError {
  const type = errorType as string
  if (type === 'invalid_scope') return oauthError(type, `The only scope is ${SCOPE}.`)
  if (type === 'unsupported_grant_type') return oauthError(type, 'There is no such grant.')
  if (type === 'invalid_client') return oauthError(type, 'The client is unknown.')
  const known = type === 'invalid_grant' || type === 'invalid_request' ? type : 'server_error'
  return oauthError(
    known,
    (errorDescription ?? 'The request is invalid.').replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?'),
  )
}
