import type { FastifyInstance } from 'fastify'

import { fail, ok, type Result } from '../base/result.ts'
import { isRecord } from '../resources/finding.ts'
import { badRequest, notFound, refuse } from './refusal.ts'

/** What an application is to be registered with. */
export interface NewApplication {
  readonly name: string
  readonly redirectUris: readonly string[]
  readonly public: boolean
  /** Login of the user it acts as by its own credentials. */
  readonly actsAs?: string | undefined
}

/** An application without its secret, of which only a hash is stored. */
export interface ApplicationSummary extends NewApplication {
  readonly clientId: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

/** The applications that act for users of the API, as the admin listener needs them. */
export interface ApplicationAdmin {
  /** The error is all that is wrong, for people. `secret` is shown this once; a public application has none. */
  create(
    application: NewApplication,
  ): Promise<Result<ApplicationSummary & { readonly secret: string | undefined }, readonly string[]>>
  /** In order of creation. */
  list(): Promise<readonly ApplicationSummary[]>
  /** Ends at once all it was given. The error says, for people, why it cannot; undefined if there is no such application. */
  delete(clientId: string): Promise<Result<undefined, string | undefined>>
}

/** An application as `/v1/applications` shows it. */
export interface ApplicationView extends Omit<ApplicationSummary, 'createdAt' | 'actsAs'> {
  readonly actsAs: string | null
  /** RFC 3339. */
  readonly createdAt: string
}

interface DeleteRequest {
  Params: { clientId: string }
}

/** `/v1/applications`: OAuth 2.0 clients. */
export function applicationRoutes(server: FastifyInstance, applications: ApplicationAdmin): void {
  server.get('/applications', async () => ({ items: (await applications.list()).map(applicationView) }))
  server.post('/applications', async (request, reply) => {
    const asked = readApplication(request.body)
    if (!asked.ok) return refuse(reply, badRequest(asked.error))
    const created = await applications.create(asked.value)
    if (!created.ok) return refuse(reply, badRequest(inLines(created.error)))
    const { secret, ...summary } = created.value
    return reply.code(201).send({ ...applicationView(summary), ...(secret !== undefined && { clientSecret: secret }) })
  })
  server.delete<DeleteRequest>('/applications/:clientId', async (request, reply) => {
    const { clientId } = request.params
    const deleted = await applications.delete(clientId)
    if (deleted.ok) return reply.code(204).send()
    if (deleted.error !== undefined) return refuse(reply, badRequest(deleted.error))
    return refuse(
      reply,
      notFound(`there is no application with the client ID "${clientId}"`, 'See `nepenthes application list`.'),
    )
  })
}

/** Only the shape: what the values must be is the API's to say. */
function readApplication(body: unknown): Result<NewApplication, string> {
  const { name, redirectUris = [], public: isPublic = false, actsAs } = isRecord(body) ? body : {}
  const uris = Array.isArray(redirectUris) && redirectUris.every((uri) => typeof uri === 'string') ? redirectUris : null
  const actsAsFits = actsAs === undefined || typeof actsAs === 'string'
  if (typeof name !== 'string' || !uris || typeof isPublic !== 'boolean' || !actsAsFits)
    return fail('an application needs a name, and may have redirectUris (a list), public (true or false) and actsAs')
  return ok({ name, redirectUris: uris, public: isPublic, actsAs })
}

/** One problem as it is, several as a list. */
export function inLines(problems: readonly string[]): string {
  const [first = ''] = problems
  return problems.length > 1 ? `the application cannot be registered:\n  ${problems.join('\n  ')}` : first
}

function applicationView({ actsAs, createdAt, ...rest }: ApplicationSummary): ApplicationView {
  return { ...rest, actsAs: actsAs ?? null, createdAt: new Date(createdAt).toISOString() }
}
