import { Type, type TSchema } from 'typebox'
import type { Field, Kind, LinkField } from '../../embedded/fields.ts'
import type { WorkPackageRecord } from '../../../storage/tables.ts'
import { WORK_PACKAGE_KIND } from '../../embedded/work-package-kind.ts'
import { bodySchema, formattableSchema, nullableText } from '../route.ts'
import { paths, type Hal } from './hal.ts'

/** Schemas (reference §12.5): what a resource consists of and what of it can be written, from the table of its kind. */

/** What may be chosen for a link: resources, or where they are listed. */
export type Choices = Readonly<Record<string, readonly Hal[] | string>>

export interface SchemaOptions {
  readonly milestone?: boolean
  /** Only the schema in a form tells them. */
  readonly choices?: Choices
}

export function renderSchema<R>(kind: Kind<R>, self: string | null, options: SchemaOptions = {}): Hal {
  return { ...schemaBody(kind, options), _links: { self: { href: self } } }
}

function schemaBody<R>(kind: Kind<R>, { milestone = false, choices = {} }: SchemaOptions): Hal {
  const groups = attributeGroups(kind, milestone)
  return {
    _type: 'Schema',
    _dependencies: [],
    ...(groups.length > 0 && { _attributeGroups: groups }),
    ...renderAll(kind.fields, milestone, renderField),
    ...renderAll(kind.links, milestone, (link, name) =>
      link.role === 'alias' ? undefined : renderLink(link, choices[name]),
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

function renderLink<R>(link: LinkField<R>, choices: Choices[string] | undefined): Hal {
  const { type, name, required = false, hasDefault = false } = link
  const writable = link.target !== undefined && link.role === undefined
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

function attributeGroups<R>(kind: Kind<R>, milestone: boolean): Hal[] {
  const groups = new Map<string, string[]>()
  for (const [name, field] of [...Object.entries(kind.fields), ...Object.entries(kind.links)]) {
    if (field.group === undefined || !isPartOf(field, milestone)) continue
    groups.set(field.group, [...(groups.get(field.group) ?? []), name])
  }
  return [...groups].map(([name, attributes]) => ({ _type: 'WorkPackageFormAttributeGroup', name, attributes }))
}

/** All schemas of work packages differ in two ways only, so their texts are made once: lists carry them on every page. */
const WORK_PACKAGE_SCHEMAS = [false, true].map((milestone) =>
  JSON.stringify(schemaBody<WorkPackageRecord>(WORK_PACKAGE_KIND, { milestone })).slice(0, -1),
)

export function workPackageSchemaText(projectId: number, type: { id: number; isMilestone: boolean }): string {
  const self = paths.workPackageSchema(projectId, type.id)
  return `${WORK_PACKAGE_SCHEMAS[type.isMilestone ? 1 : 0]},"_links":{"self":{"href":"${self}"}}}`
}

/** What a request may set, for the OpenAPI document. */
export function bodySchemaOf<R>(kind: Kind<R>): TSchema {
  const fields = Object.entries(kind.fields).filter(([, { read, guard }]) => read || guard)
  const links = Object.entries(kind.links).filter(([, { target }]) => target)
  return bodySchema(
    Object.fromEntries(fields.map(([name, field]) => [name, fieldSchema(field)])),
    links.map(([name]) => name),
  )
}

function fieldSchema<R>({ type, minLength, maxLength, guard }: Field<R>): TSchema {
  const bounds = { ...(minLength !== undefined && { minLength }), ...(maxLength !== undefined && { maxLength }) }
  if (guard) return Type.Integer({ description: 'The version the change was made from; required when changing.' })
  if (type === 'Formattable') return formattableSchema
  if (type === 'Boolean') return Type.Boolean()
  if (type === 'Integer') return Type.Union([Type.Integer(), Type.Null()])
  return type === 'String' ? Type.String(bounds) : nullableText
}
