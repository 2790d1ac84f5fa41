import { Type, type TSchema } from 'typebox'
import type { WorkPackageRecord } from '../../../storage/tables.ts'
import type { Field, LinkField, Shape } from '../../embedded/shape.ts'
import { WORK_PACKAGE_SHAPE } from '../../embedded/work-package-shape.ts'
import { bodySchema, formattableSchema } from '../route.ts'
import { paths, type Hal } from './hal.ts'

/** Schemas (reference §12.5): what a resource consists of and what of it can be written, from its shape. */

/** What may be chosen for a link: resources, or where they are listed. */
export type Choices = Readonly<Record<string, readonly Hal[] | string>>

export interface SchemaOptions {
  readonly milestone?: boolean
  /** Only the schema in a form tells them. */
  readonly choices?: Choices
  /** Of a resource that is there already: what is set once is not to be written any more. */
  readonly existing?: boolean
}

export function renderSchema<R>(shape: Shape<R>, self: string | null, options: SchemaOptions = {}): Hal {
  return { ...schemaBody(shape, options), _links: { self: { href: self } } }
}

function schemaBody<R>(shape: Shape<R>, options: SchemaOptions): Hal {
  const { milestone = false, choices = {}, existing = false } = options
  const groups = attributeGroups(shape, milestone)
  return {
    _type: 'Schema',
    _dependencies: [],
    ...(groups.length > 0 && { _attributeGroups: groups }),
    ...renderAll(shape.fields, milestone, renderField),
    ...renderAll(shape.links, milestone, (link, name) =>
      link.role === 'alias' ? undefined : renderLink(link, choices[name], existing),
    ),
  }
}

function renderAll<F extends { readonly only?: 'milestones' | 'others' }>(
  table: Readonly<Record<string, F>>,
  milestone: boolean,
  render: (field: F, name: string) => Hal | undefined,
): Hal {
  const rendered: Hal = {}
  for (const [name, field] of Object.entries(table)) {
    const shown = isPartOf(field, milestone) ? render(field, name) : undefined
    if (shown) rendered[name] = shown
  }
  return rendered
}

/** Whether resources of that sort have the property. */
export function isPartOf({ only }: { readonly only?: 'milestones' | 'others' }, milestone: boolean): boolean {
  return only === undefined || (only === 'milestones') === milestone
}

function renderField<R>({ type, name, required = false, hasDefault = false, ...field }: Field<R>): Hal {
  const { minLength, maxLength } = field
  return {
    ...{ type, name, required, hasDefault, writable: field.read !== undefined },
    ...(minLength !== undefined && { minLength }),
    ...(maxLength !== undefined && { maxLength }),
    options: {},
  }
}

function renderLink<R>(link: LinkField<R>, choices: Choices[string] | undefined, existing: boolean): Hal {
  const { type, name, required = false, hasDefault = false } = link
  const isRead = link.target !== undefined || link.several === true
  const writable = isRead && link.role === undefined && !(link.once && existing)
  return {
    ...{ type, name, required, hasDefault, writable, location: '_links', options: {} },
    ...(choices !== undefined && renderChoices(choices)),
  }
}

function renderChoices(choices: Choices[string]): Hal {
  if (typeof choices === 'string') return { _links: { allowedValues: { href: choices } } }
  const links = choices.map((choice) => (choice['_links'] as { self: unknown }).self)
  return { _embedded: { allowedValues: choices }, _links: { allowedValues: links } }
}

function attributeGroups<R>(shape: Shape<R>, milestone: boolean): Hal[] {
  const groups = new Map<string, string[]>()
  for (const [name, field] of [...Object.entries(shape.fields), ...Object.entries(shape.links)]) {
    if (field.group === undefined || !isPartOf(field, milestone)) continue
    groups.set(field.group, [...(groups.get(field.group) ?? []), name])
  }
  return [...groups].map(([name, attributes]) => ({ _type: 'WorkPackageFormAttributeGroup', name, attributes }))
}

/** All schemas of work packages differ in two ways only, so their texts are made once: lists carry them on every page. */
const WORK_PACKAGE_SCHEMAS = [false, true].map((milestone) =>
  JSON.stringify(schemaBody<WorkPackageRecord>(WORK_PACKAGE_SHAPE, { milestone })).slice(0, -1),
)

export function workPackageSchemaText(projectId: number, type: { id: number; isMilestone: boolean }): string {
  const self = paths.workPackageSchema(projectId, type.id)
  return `${WORK_PACKAGE_SCHEMAS[type.isMilestone ? 1 : 0]},"_links":{"self":{"href":"${self}"}}}`
}

/** What a request may set, for the OpenAPI document. */
export function bodySchemaOf<R>(shape: Shape<R>): TSchema {
  const fields = Object.entries(shape.fields).filter(([, { read, guard }]) => read || guard)
  const links = Object.entries(shape.links)
  const named = (which: (link: LinkField<R>) => unknown) =>
    links.filter(([, link]) => which(link)).map(([name]) => name)
  return bodySchema(
    Object.fromEntries(fields.map(([name, field]) => [name, fieldSchema(field)])),
    named(({ target }) => target),
    named(({ several }) => several),
  )
}

function fieldSchema<R>({ type, minLength, maxLength, guard }: Field<R>): TSchema {
  const bounds = { ...(minLength !== undefined && { minLength }), ...(maxLength !== undefined && { maxLength }) }
  if (guard) return Type.Integer({ description: 'The version the change was made from; required when changing.' })
  if (type === 'Formattable') return formattableSchema
  if (type === 'Boolean') return Type.Boolean()
  if (type === 'Integer') return Type.Union([Type.Integer(), Type.Null()])
  if (type === 'String') return Type.String(bounds)
  const value = type === 'Date' ? Type.String({ format: 'date' }) : Type.String({ description: 'ISO 8601: PT1H30M.' })
  return Type.Union([value, Type.Null()])
}
