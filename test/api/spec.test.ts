import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020, type AnySchemaObject } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { openTestApi, PUBLIC_URL, type TestApi } from './support.ts'

interface Operation {
  readonly summary?: string
  readonly tags?: string[]
  readonly security?: unknown[]
  readonly responses: Record<string, unknown>
}
interface Spec {
  readonly openapi: string
  readonly servers: unknown
  readonly paths: Record<string, Record<string, Operation>>
}

let api: TestApi
let spec: Spec
/** `METHOD /path` of every route the server has under /api/v3, as the router itself tells. */
let routes: string[]

beforeAll(async () => {
  api = await openTestApi()
  spec = (await api.call('GET', '/api/v3/spec.json', undefined, { token: null })).json()
  routes = api.app.printRoutes({ commonPrefix: false }).split('\n').flatMap(printedRoutes())
})
afterAll(() => api.close())

/** Reads the router's printed tree: each line adds its piece at its depth. */
function printedRoutes(): (line: string) => string[] {
  const pieces: string[] = []
  return (line) => {
    const match = /^([│ ]*)[├└]── (\S+)(?: \(([A-Z, ]+)\))?/u.exec(line)
    if (!match) return []
    const [, indent = '', piece = '', methods] = match
    const depth = indent.length / 4
    pieces.length = depth
    pieces.push(piece)
    const path = pieces.join('')
    return (methods ?? '')
      .split(', ')
      .filter((method) => method !== '' && method !== 'HEAD')
      .map((method) => `${method} ${path}`)
  }
}

const documented = () =>
  Object.entries(spec.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  )

/** The schema beside this file is the OpenAPI Initiative's own (Apache-2.0), unchanged. */
describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', () => {
    const schema = JSON.parse(
      readFileSync(join(import.meta.dirname, 'openapi-3.1.schema.json'), 'utf8'),
    ) as AnySchemaObject
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    const validate = ajv.compile(schema)
    void validate(spec)
    expect(validate.errors ?? []).toEqual([])
    expect(validate({ ...spec, paths: { 'no-slash': {} } })).toBe(false)
    expect([spec.openapi, spec.servers]).toEqual(['3.1.0', [{ url: PUBLIC_URL }]])
  })

  it('is the same under both names, and as YAML', async () => {
    expect((await api.call('GET', '/api/v3/openapi.json')).json()).toEqual(spec)
    const yaml = await api.call('GET', '/api/v3/spec.yml', undefined, { token: null })
    expect(yaml.headers['content-type']).toBe('text/vnd.yaml; charset=utf-8')
    expect(parse(yaml.body)).toEqual(spec)
  })

  it('lists every route, and no other', () => {
    const served = routes.filter((route) => / \/api\/v3(\/|$)/.test(route) && !route.includes('*'))
    expect(served.length).toBeGreaterThan(30)
    expect(documented().sort()).toEqual(served.sort())
  })

  it('says of every route what it is for and what it answers', () => {
    for (const [path, item] of Object.entries(spec.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        const where = `${method} ${path}`
        expect(operation.summary, where).toBeTruthy()
        expect(operation.tags, where).toHaveLength(1)
        expect(
          Object.keys(operation.responses).some((status) => status.startsWith('2')),
          where,
        ).toBe(true)
      }
    }
  })

  it('says which routes need no credentials, and those need none', async () => {
    const open = Object.entries(spec.paths).filter(([, item]) => item['get']?.security?.length === 0)
    expect(open.map(([path]) => path).sort()).toEqual([
      '/api/v3/configuration',
      '/api/v3/openapi.json',
      '/api/v3/spec.json',
      '/api/v3/spec.yml',
    ])
    for (const [path, item] of Object.entries(spec.paths)) {
      for (const method of Object.keys(item)) {
        const response = await api.call(method.toUpperCase(), path.replace(/\{\w+\}/, '1'), undefined, { token: null })
        expect([method, path, response.statusCode]).toEqual([
          method,
          path,
          open.some(([name]) => name === path) ? 200 : 401,
        ])
      }
    }
  })
})
