import type { FastifyInstance } from 'fastify'

import { fail, type Result } from '../base/result.ts'
import { badRequest, notFound, refuse } from './refusal.ts'

/** An API token without its text, which is stored nowhere. */
export interface TokenSummary {
  readonly id: number
  /** Login of the user it acts for. */
  readonly user: string
  readonly name: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

/** The API's tokens, as the admin listener needs them. */
export interface TokenAdmin {
  /** Makes a token for the user of this login; the error says, for people, why it cannot. `text` is shown this once. */
  create(user: string, name: string): Promise<Result<TokenSummary & { readonly text: string }, string>>
  /** In order of id. */
  list(): Promise<readonly TokenSummary[]>
  /** The error says, for people, why it cannot; undefined if there is no such token. */
  revoke(id: number): Promise<Result<undefined, string | undefined>>
}

/** A token as `/v1/tokens` shows it. */
export interface TokenView extends Omit<TokenSummary, 'createdAt'> {
  /** RFC 3339. */
  readonly createdAt: string
}

const NAME_MAX = 255

interface RevokeRequest {
  Params: { id: string }
}

/** `/v1/tokens`: API tokens for users. */
export function tokenRoutes(server: FastifyInstance, tokens: TokenAdmin): void {
  server.get('/tokens', async () => ({ items: (await tokens.list()).map(tokenView) }))
  server.post('/tokens', async (request, reply) => {
    const { user, name } = (request.body ?? {}) as { user?: unknown; name?: unknown }
    if (!isName(user) || !isName(name)) {
      return refuse(reply, badRequest(`a token needs a user and a name, texts of 1 to ${NAME_MAX} characters`))
    }
    const created = await tokens.create(user, name)
    if (!created.ok) return refuse(reply, badRequest(created.error))
    const { text, ...summary } = created.value
    return reply.code(201).send({ ...tokenView(summary), token: text })
  })
  server.delete<RevokeRequest>('/tokens/:id', async (request, reply) => {
    const id = /^\d{1,15}$/.test(request.params.id) ? Number(request.params.id) : undefined
    const revoked = id === undefined ? fail(undefined) : await tokens.revoke(id)
    if (revoked.ok) return reply.code(204).send()
    if (revoked.error !== undefined) return refuse(reply, badRequest(revoked.error))
    return refuse(reply, notFound(`there is no token "${request.params.id}"`, 'See `nepenthes token list`.'))
  })
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= NAME_MAX
}

function tokenView({ id, user, name, createdAt }: TokenSummary): TokenView {
  return { id, user, name, createdAt: new Date(createdAt).toISOString() }
}
