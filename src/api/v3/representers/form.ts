import type { ApiStore } from '../../context.ts'
import type { Draft } from '../../embedded/draft.ts'
import { NO_ID, type Search, type Shape } from '../../embedded/shape.ts'
import { combineErrors, renderError, type ApiError } from '../../errors.ts'
import { NO_LINK, previewLink, type Hal, type Link } from './hal.ts'
import { isPartOf, renderSchema, type Choices } from './schema.ts'

export interface FormView<R> {
  readonly shape: Shape<R>
  readonly draft: Draft<R>
  readonly self: string
  /** Where the payload goes, once nothing is wrong with it. */
  readonly commit: Link
  /** Path of the schema by itself; null while it is not settled which. */
  readonly schema: string | null
  readonly milestone?: boolean
  /** Lists of links in the payload, by name. */
  readonly listed?: Readonly<Record<string, readonly Link[]>>
  /** What its texts are about, for previews. */
  readonly about?: string
}

/** A form (reference §12.5): the resource as it would be, what may be set to what, and what is wrong. Nothing is saved. */
export async function renderForm<R>(search: Search, view: FormView<R>): Promise<Hal> {
  const { shape, draft, milestone = false, listed = {}, about } = view
  const { outcome } = draft
  const self: Link = { href: view.self, method: 'post' }
  return {
    _type: 'Form',
    _embedded: {
      payload: await renderPayload(search, shape, draft, { milestone, listed }),
      schema: renderSchema(shape, view.schema, {
        milestone,
        existing: draft.current !== undefined,
        choices: await choicesOf(search.store, shape, draft.record),
      }),
      validationErrors: outcome.ok ? {} : byProperty(outcome.error),
    },
    _links: {
      ...{ self, validate: self, ...(outcome.ok && { commit: view.commit }) },
      ...(about !== undefined && { previewMarkup: previewLink(about) }),
    },
  }
}

async function renderPayload<R>(
  search: Search,
  shape: Shape<R>,
  { record, current }: Draft<R>,
  { milestone, listed }: Required<Pick<FormView<R>, 'milestone' | 'listed'>>,
): Promise<Hal> {
  const payload: Hal = {}
  for (const [name, field] of Object.entries(shape.fields)) {
    const needed = field.read ?? (field.guard && current)
    if (needed && field.show && isPartOf(field, milestone)) payload[name] = field.show(record)
  }
  const links: Record<string, Link> = {}
  for (const [name, { target, column, role, once }] of Object.entries(shape.links)) {
    if (!target || column === undefined || role !== undefined || (once && current)) continue
    const value = record[column] as number | string | null
    links[name] = value === null || value === NO_ID ? NO_LINK : await target.link(search, value)
  }
  return { ...payload, _links: { ...links, ...listed } }
}

async function choicesOf<R>(store: ApiStore, shape: Shape<R>, record: R): Promise<Choices> {
  const choices: Record<string, readonly Hal[] | string> = {}
  for (const [name, { allowed }] of Object.entries(shape.links)) {
    const chosen = allowed && ('href' in allowed ? allowed.href(record) : await allowed.list(store))
    if (chosen !== undefined) choices[name] = chosen
  }
  return choices
}

/** Several about one property come wrapped, as they would in the answer to a write. */
function byProperty(errors: readonly ApiError[]): Hal {
  const groups = new Map<string, [ApiError, ...ApiError[]]>()
  for (const error of errors) {
    const name = error.details?.['attribute'] ?? 'base'
    const group = groups.get(name)
    if (group) group.push(error)
    else groups.set(name, [error])
  }
  return Object.fromEntries([...groups].map(([name, group]) => [name, renderError(combineErrors(group))]))
}
