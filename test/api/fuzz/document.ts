/** The OpenAPI document as far as requests are made from it and answers held against it. */
export interface Schema {
  readonly $ref?: string
  readonly pattern?: string
  readonly type?: string
  readonly anyOf?: readonly Schema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly format?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

interface Media {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>
}

export interface Operation {
  readonly method: string
  readonly path: string
  readonly parameters: readonly { readonly in: string; readonly name: string }[]
  readonly body: Schema | undefined
  /** Of the body; the first of those it may have. */
  readonly mediaType: string | undefined
  readonly responses: Readonly<Record<string, Media>>
}

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, PathItem>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

interface PathItem {
  readonly parameters?: Operation['parameters']
  readonly requestBody?: Media
  readonly responses: Operation['responses']
}

/** The schema itself, if it is one that others refer to. */
export function resolved({ components }: ApiDocument, schema: Schema): Schema {
  const [, name = ''] = /^#\/components\/schemas\/(.+)$/.exec(schema.$ref ?? '') ?? []
  return schema.$ref === undefined ? schema : (components.schemas[name] ?? {})
}

export function operationsOf(document: ApiDocument): Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { parameters = [], requestBody, responses }]) => ({
      method: method.toUpperCase(),
      path,
      parameters,
      body: Object.values(requestBody?.content ?? {})[0]?.schema,
      mediaType: Object.keys(requestBody?.content ?? {})[0],
      responses,
    })),
  )
}

const variables = (path: string) => path.split('{').length

/** The operation a request leads to: of several whose paths match, the one with the fewest variables, as routers choose. */
export function operationFor(operations: readonly Operation[], method: string, url: string): Operation | undefined {
  const [path = ''] = url.split('?')
  return operations
    .filter((operation) => operation.method === method && pathPattern(operation.path).test(path))
    .toSorted((a, b) => variables(a.path) - variables(b.path))[0]
}

export function pathPattern(path: string): RegExp {
  return new RegExp(`^${path.replace(/\{\w+\}/g, '([^/]+)')}$`)
}
