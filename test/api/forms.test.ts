import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EMBEDDED_EVENTS } from '../../src/resources/vocabulary.ts'
import { addMember, href, openTestApi, type CallOptions, type Json, type TestApi } from './support.ts'

let api: TestApi
let delivered = 0

beforeAll(async () => {
  api = await openTestApi({ webhooks: [{ name: 'all', events: [...EMBEDDED_EVENTS] }] })
  await api.create('/api/v3/projects', { name: 'Demo' })
  await addMember(api, 'demo', 1)
  await api.create('/api/v3/projects/demo/work_packages', { subject: 'Work', startDate: '2026-03-02', duration: 'P3D' })
  await api.create('/api/v3/time_entries', {
    ...{ hours: 'PT1H', spentOn: '2026-03-01' },
    _links: { entity: href('work_packages/1'), activity: href('time_entries/activities/3') },
  })
  delivered = (await api.store.deliveries({ limit: 100 })).length
})
afterAll(() => api.close())

const JSON_TYPE: CallOptions = { headers: { 'content-type': 'application/json' } }
const post = (path: string, body?: unknown, options: CallOptions = JSON_TYPE) =>
  api.call('POST', `/api/v3/${path}`, body, options)

interface SchemaProperty {
  readonly type: string
  readonly writable: boolean
  readonly _links?: { readonly allowedValues?: { readonly href: string } | readonly { readonly href: string }[] }
  readonly _embedded?: { readonly allowedValues?: readonly unknown[] }
}
interface Form {
  readonly _type: string
  readonly _embedded: {
    readonly payload: Record<string, unknown> & { readonly _links: Record<string, { readonly href: string | null }> }
    readonly schema: Record<string, SchemaProperty>
    readonly validationErrors: Record<string, Json>
  }
  readonly _links: Record<string, { readonly href: string; readonly method: string }>
}
const form = async (path: string, body?: unknown): Promise<Form> => {
  const response = await post(path, body)
  expect([path, response.statusCode]).toEqual([path, 200])
  return response.json()
}

const CREATING = [
  ['projects/form', { name: 'New' }, 'projects'],
  ['work_packages/form', { subject: 'New', _links: { project: href('projects/demo') } }, 'work_packages'],
  ['projects/demo/work_packages/form', { subject: 'New' }, 'projects/1/work_packages'],
  ['workspaces/1/work_packages/form', { subject: 'New' }, 'workspaces/1/work_packages'],
  [
    'time_entries/form',
    { hours: 'PT2H', spentOn: '2026-03-02', _links: { entity: href('work_packages/1') } },
    'time_entries',
  ],
] as const
const CHANGING = [
  ['projects/1/form', 'projects/1'],
  ['projects/demo/form', 'projects/1'],
  ['workspaces/demo/form', 'projects/1'],
  ['work_packages/1/form', 'work_packages/1'],
  ['time_entries/1/form', 'time_entries/1'],
] as const

describe('a form', () => {
  it.each(CREATING)('%s leads to a new resource, and makes none itself', async (path, body, target) => {
    const empty = await form(path)
    expect(Object.keys(empty._embedded.validationErrors)).not.toEqual([])
    expect(empty._links).not.toHaveProperty('commit')
    const full = await form(path, body)
    expect([full._type, full._embedded.validationErrors]).toEqual(['Form', {}])
    const place = `/api/v3/${path.replace('demo', '1')}`
    const { previewMarkup: _, ...links } = full._links
    expect(links).toEqual({
      self: { href: place, method: 'post' },
      validate: { href: place, method: 'post' },
      commit: { href: `/api/v3/${target}`, method: 'post' },
    })
    expect((await api.store.deliveries({ limit: 100 })).length).toBe(delivered)
    const created = await api.create(full._links['commit']?.href ?? '', full._embedded.payload)
    delivered += 1
    expect(created._links['self']).toBeDefined()
  })

  it.each(CHANGING)('%s without a body shows the resource as it is', async (path, target) => {
    const { _embedded, _links } = await form(path)
    expect(_embedded.validationErrors).toEqual({})
    expect(_links['commit']).toEqual({ href: `/api/v3/${target}`, method: 'patch' })
    const shown: Record<string, unknown> = {
      remainingTime: null,
      ...(await api.call('GET', `/api/v3/${target}`)).json(),
    }
    const { _links: links, ...values } = _embedded.payload
    expect(shown).toMatchObject(values)
    expect(shown['_links']).toMatchObject(links)
    const back = await api.call('PATCH', `/api/v3/${target}`, { ...shown, ..._embedded.payload, unknown: 1 })
    expect([back.statusCode, { remainingTime: null, ...back.json<object>() }]).toMatchObject([200, values])
  })

  it('offers what can be set, and nothing else', async () => {
    for (const [path] of [...CREATING, ...CHANGING]) {
      const { payload, schema } = (await form(path))._embedded
      const writable = Object.keys(schema).filter((name) => schema[name]?.writable && name !== 'lockVersion')
      const offered = [...Object.keys(payload), ...Object.keys(payload._links)]
      expect(offered.filter((name) => name !== '_links' && name !== 'lockVersion').sort()).toEqual(writable.sort())
      expect('lockVersion' in payload).toBe(path === 'work_packages/1/form')
    }
  })

  it('tells allowed values, and the places it names have some', async () => {
    for (const [path] of [...CREATING, ...CHANGING]) {
      const { schema } = (await form(path))._embedded
      for (const [name, property] of Object.entries(schema)) {
        const allowed = property._links?.allowedValues
        if (name.startsWith('_') || allowed === undefined) continue
        const [where] = 'href' in allowed ? [allowed] : allowed
        expect([name, (await api.call('GET', where?.href ?? '')).statusCode]).toEqual([name, 200])
        expect('href' in allowed).toBe(property._embedded?.allowedValues === undefined)
      }
    }
  })
})

describe('what is wrong', () => {
  it('stands by the property it is about, several things together', async () => {
    const { _embedded } = await form('projects/form', { name: '', identifier: 'A b'.repeat(50), active: 'no' })
    expect(_embedded.validationErrors).toMatchObject({
      name: { _type: 'Error', message: "Name can't be blank.", _embedded: { details: { attribute: 'name' } } },
      active: { errorIdentifier: 'urn:openproject-org:api:v3:errors:PropertyFormatError' },
      identifier: {
        errorIdentifier: 'urn:openproject-org:api:v3:errors:MultipleErrors',
        _embedded: {
          errors: [
            { message: 'Identifier is too long (maximum is 100 characters).' },
            { message: 'Identifier is invalid.' },
          ],
        },
      },
    })
    const links = { project: href('projects/nope'), type: href('statuses/1') }
    const second = await form('work_packages/form', { subject: 'x', _links: links })
    expect(Object.keys(second._embedded.validationErrors).sort()).toEqual(['project', 'type'])
    expect(second._embedded.payload._links['type']).toMatchObject({ href: '/api/v3/types/1', title: 'Task' })
  })

  it.each([
    ['projects/nope/form', {}, 404],
    ['projects/nope/work_packages/form', {}, 404],
    ['work_packages/99/form', {}, 404],
    ['time_entries/99/form', {}, 404],
    ['work_packages/1/form', {}, 409],
    ['work_packages/1/form', { lockVersion: 7 }, 409],
    ['work_packages/form', [], 400],
    ['time_entries/form', { _links: [] }, 400],
  ])('beside the values is answered as such: %s %j', async (path, body, status) => {
    const response = await post(path, body)
    expect([response.statusCode, response.json()]).toMatchObject([status, { _type: 'Error' }])
  })

  it('with the type of the body likewise', async () => {
    const type = (value: string) => ({ headers: { 'content-type': value } })
    expect((await post('projects/form', '{}', type('text/plain'))).statusCode).toBe(415)
    expect((await post('projects/form', undefined, {})).statusCode).toBe(406)
    expect((await post('projects/form', '{', JSON_TYPE)).statusCode).toBe(400)
    expect((await post('projects/form', {}, { ...JSON_TYPE, token: null })).statusCode).toBe(401)
  })
})

describe('the form of a work package', () => {
  it('works out what follows from what was given', async () => {
    const { _embedded } = await form('work_packages/1/form', { lockVersion: 0, duration: 'P5D' })
    expect(_embedded.payload).toMatchObject({ lockVersion: 0, startDate: '2026-03-02', dueDate: '2026-03-06' })
  })

  it('has one date for a milestone', async () => {
    const body = { subject: 'x', date: '2026-03-05', _links: { type: href('types/2') } }
    const { payload, schema } = (await form('projects/demo/work_packages/form', body))._embedded
    expect(payload['date']).toBe('2026-03-05')
    for (const name of ['startDate', 'dueDate', 'duration']) {
      expect(payload).not.toHaveProperty(name)
      expect(schema).not.toHaveProperty(name)
    }
    expect(schema['_links']).toEqual({ self: { href: '/api/v3/work_packages/schemas/1-2' } })
  })

  it('names no schema before there is a project', async () => {
    const { schema } = (await form('work_packages/form'))._embedded
    expect(schema['_links']).toEqual({ self: { href: null } })
  })
})

describe('the wire format', () => {
  it.each([
    ['project', 'projects/1/form', { identifier: 'A b', statusExplanation: { raw: 'Fine' } }],
    ['work_package', 'work_packages/1/form', { lockVersion: 0, subject: '', _links: { assignee: href('users/1') } }],
    ['time_entry', 'time_entries/1/form', { spentOn: '2026-03-03' }],
  ])('of the form of a %s is as it was', async (name, path, body) => {
    const text = `${JSON.stringify(await form(path, body), null, 2)}\n`
    await expect(text).toMatchFileSnapshot(`golden/form-${name}.json`)
  })
})
