import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type, type TSchema } from 'typebox'
import { ok, type Result } from '../../base/result.ts'
import type { ApiContext } from '../context.ts'
import { settled, type Draft } from '../embedded/draft.ts'
import type { ApiError } from '../errors.ts'
import { renderForm, type FormView } from './representers/form.ts'
import type { Hal } from './representers/hal.ts'
import { halSchema, route, sendResult, viewerOf } from './route.ts'

/** Forms: what a write of the same body would make, judged by the same code, without writing. */

type Request = FastifyRequest<{ Params: { id: string } }>
type Drafted<R> = Promise<Result<Draft<R>, ApiError>>
/** The rest of a form, once it is known what it is about. */
type Place<R> = (draft: Draft<R>) => Omit<FormView<R>, 'draft'> | Promise<Omit<FormView<R>, 'draft'>>

interface FormRoute<R> {
  readonly path: string
  readonly summary: string
  readonly tag: string
  readonly body: TSchema
  readonly params?: TSchema
  readonly errors?: readonly number[]
  draft(request: Request): Drafted<R>
  readonly place: Place<R>
}

const formSchema = halSchema('Form', {
  _embedded: Type.Object(
    {
      payload: Type.Object({}, { additionalProperties: true }),
      schema: Type.Object({}, { additionalProperties: true }),
      validationErrors: Type.Object({}, { additionalProperties: true, description: 'Errors by property.' }),
    },
    { description: 'Without errors there is a link `commit` that takes the payload.' },
  ),
})

export function formRoute<R>(app: FastifyInstance, { store }: ApiContext, form: FormRoute<R>): void {
  const { path, summary, tag, body, params, errors = [400] } = form
  const doc = {
    summary,
    tag,
    access: 'user',
    body,
    errors,
    answers: { 200: formSchema },
    ...(params && { params }),
  } as const
  app.post<{ Params: { id: string } }>(path, route(doc), async (request, reply) => {
    const drafted = await settled(() => form.draft(request))
    if (!drafted.ok) return sendResult(reply, drafted)
    const draft = drafted.value
    return sendResult(
      reply,
      ok<Hal>(await renderForm({ store, viewer: viewerOf(request) }, { ...(await form.place(draft)), draft })),
    )
  })
}
