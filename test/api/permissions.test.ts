import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  addMember,
  createTestUser,
  href,
  MEMBER,
  openTestApi,
  PROJECT_ADMIN,
  type Json,
  type TestApi,
} from './support.ts'

/**
 * Who may do what, one row a route. The visitor asks for things of a public project of which it is no member; everybody else
 * for things of a private one. What may be deleted or changed is made anew for each request, by the administrator.
 */
const EVERYBODY = ['administrator', 'project admin', 'member', 'visitor', 'stranger'] as const
const NOBODY = ['locked', 'anonymous'] as const
type Who = (typeof EVERYBODY)[number] | (typeof NOBODY)[number]

let api: TestApi
const tokens = new Map<Who, string | null>()

beforeAll(async () => {
  api = await openTestApi()
  for (const name of ['Open', 'Secret']) await api.create('/api/v3/projects', { name, public: name === 'Open' })
  for (const [who, login] of [
    ['project admin', 'pam'],
    ['member', 'mia'],
    ['visitor', 'vic'],
    ['stranger', 'sam'],
    ['locked', 'lou'],
  ] as const) {
    const { id, token } = await createTestUser(api, login)
    tokens.set(who, token)
    if (['member', 'locked'].includes(who)) await addMember(api, 'secret', id, MEMBER)
    if (who === 'project admin') await addMember(api, 'secret', id, PROJECT_ADMIN)
    if (who === 'locked') await api.call('POST', `/api/v3/users/${id}/lock`, {})
  }
  tokens.set('anonymous', null)
})
afterAll(() => api.close())

const placeOf = (who: Who) => (who === 'visitor' ? 'open' : 'secret')

/** Things made anew in a project. */
const made = {
  count: 0,
  async work(place: string) {
    return (await api.create(`/api/v3/projects/${place}/work_packages`, { subject: 'Work' })).id
  },
  async entry(place: string) {
    const entity = href(`work_packages/${await made.work(place)}`)
    return (await api.create('/api/v3/time_entries', { hours: 'PT1H', spentOn: '2026-03-01', _links: { entity } })).id
  },
  async comment(place: string) {
    const path = `/api/v3/work_packages/${await made.work(place)}/activities`
    return (await api.create(path, { comment: { raw: 'Said by the administrator' } })).id
  },
  async user() {
    return (await api.create('/api/v3/users', made.person())).id
  },
  person() {
    const login = `user-${(made.count += 1)}`
    return { login, firstName: 'Una', lastName: 'User', email: `${login}@example.net` }
  },
  async colleague(place: string) {
    const id = await made.user()
    await addMember(api, place, id)
    return id
  },
  async membership(place: string) {
    return (await addMember(api, place, await made.user())).id
  },
}

type Asked = readonly [path: string, body?: object | string]
type Row = readonly [
  route: string,
  ask: (place: string, who: Who) => Asked | Promise<Asked>,
  statuses: readonly [number, number, number, number, number],
]

const all = (route: string, path = route.replace('{id}', '1')): Row => [
  `GET ${route}`,
  () => [path],
  [200, 200, 200, 200, 200],
]
const SEEN = [200, 200, 200, 200, 404] as const
const WORKED = [200, 200, 200, 403, 404] as const
const entity = async (place: string) => ({ _links: { entity: href(`work_packages/${await made.work(place)}`) } })

function projectRows(base: string): Row[] {
  const at = (rest: string) => (place: string) => [`/${base}/${place}${rest}`] as const
  return [
    [`GET /${base}/{id}`, at(''), SEEN],
    [
      `PATCH /${base}/{id}`,
      (place) => [`/${base}/${place}`, { statusExplanation: { raw: 'x' } }],
      [200, 200, 403, 403, 404],
    ],
    [
      `DELETE /${base}/{id}`,
      async (place, who) => {
        const doomed = who === 'administrator' ? (await api.create('/api/v3/projects', { name: 'Doomed' })).id : place
        return [`/${base}/${doomed}`]
      },
      [204, 403, 403, 403, 404],
    ],
    ...['types', 'categories', 'versions', 'work_packages'].map((name): Row => [
      `GET /${base}/{id}/${name}`,
      at(`/${name}`),
      SEEN,
    ]),
    [
      `POST /${base}/{id}/work_packages`,
      (place) => [`/${base}/${place}/work_packages`, { subject: 'New' }],
      [201, 201, 201, 403, 404],
    ],
    [`GET /${base}/{id}/available_assignees`, at('/available_assignees'), WORKED],
    [`GET /${base}/{id}/available_responsibles`, at('/available_responsibles'), WORKED],
  ]
}

function workRows(): Row[] {
  const at = (rest: string) => async (place: string) => [`/work_packages/${await made.work(place)}${rest}`] as const
  const inPlace = (place: string) => ({ subject: 'New', _links: { project: href(`projects/${place}`) } })
  return [
    all('/work_packages'),
    ['POST /work_packages', (place) => ['/work_packages', inPlace(place)], [201, 201, 201, 403, 422]],
    ['GET /work_packages/{id}', at(''), SEEN],
    [
      'PATCH /work_packages/{id}',
      async (place) => [`/work_packages/${await made.work(place)}`, { lockVersion: 0, subject: 'Changed' }],
      WORKED,
    ],
    ['DELETE /work_packages/{id}', at(''), [204, 204, 204, 403, 404]],
    ['GET /work_packages/{id}/activities', at('/activities'), SEEN],
    [
      'POST /work_packages/{id}/activities',
      async (place) => [...(await at('/activities')(place)), { comment: { raw: 'Said' } }],
      [201, 201, 201, 403, 404],
    ],
    ['GET /activities/{id}', async (place) => [`/activities/${await made.comment(place)}`], SEEN],
    [
      'PATCH /activities/{id}',
      async (place) => [`/activities/${await made.comment(place)}`, { comment: { raw: 'Said otherwise' } }],
      [200, 200, 403, 403, 404],
    ],
    ['GET /work_packages/{id}/attachments', at('/attachments'), SEEN],
    ['GET /work_packages/{id}/relations', at('/relations'), SEEN],
    ['GET /work_packages/{id}/available_assignees', at('/available_assignees'), WORKED],
    ['GET /work_packages/{id}/available_responsibles', at('/available_responsibles'), WORKED],
    ['GET /work_packages/{id}/available_projects', at('/available_projects'), WORKED],
    ['GET /work_packages/{id}/available_watchers', at('/available_watchers'), WORKED],
    ['GET /work_packages/{id}/watchers', at('/watchers'), WORKED],
    [
      'POST /work_packages/{id}/watchers',
      async (place) => [...(await at('/watchers')(place)), { user: href(`users/${await made.colleague(place)}`) }],
      [201, 201, 201, 403, 404],
    ],
    [
      'DELETE /work_packages/{id}/watchers/{user_id}',
      async (place) => at(`/watchers/${await made.colleague(place)}`)(place),
      [204, 204, 204, 403, 404],
    ],
  ]
}

function timeRows(): Row[] {
  const at = async (place: string) => [`/time_entries/${await made.entry(place)}`] as const
  return [
    all('/time_entries'),
    [
      'POST /time_entries',
      async (place) => ['/time_entries', { hours: 'PT1H', spentOn: '2026-03-01', ...(await entity(place)) }],
      [201, 201, 201, 403, 422],
    ],
    ['GET /time_entries/{id}', at, SEEN],
    ['PATCH /time_entries/{id}', async (place) => [...(await at(place)), { hours: 'PT2H' }], [200, 200, 403, 403, 404]],
    ['DELETE /time_entries/{id}', at, [204, 204, 403, 403, 404]],
  ]
}

/** What a write would refuse with 403 or 404 its form refuses as well; everything else that is wrong is in the form. */
function formRows(): Row[] {
  const inPlace = (place: string) => ({ subject: 'New', _links: { project: href(`projects/${place}`) } })
  const time = { hours: 'PT1H', spentOn: '2026-03-01' }
  const schemas = `/work_packages/schemas?filters=${encodeURIComponent('[{"id":{"operator":"=","values":["1-1"]}}]')}`
  return [
    ['POST /projects/form', () => ['/projects/form', { name: 'New' }], [200, 403, 403, 403, 403]],
    ...['markdown', 'plain'].map((format): Row => {
      const about = (place: string) => `/render/${format}?context=/api/v3/projects/${place}`
      return [`POST /render/${format}`, (place) => [about(place), 'text'], [200, 200, 200, 200, 400]]
    }),
    ...['projects', 'workspaces'].flatMap((base): Row[] => [
      [`POST /${base}/{id}/form`, (place) => [`/${base}/${place}/form`, {}], [200, 200, 403, 403, 404]],
      [
        `POST /${base}/{id}/work_packages/form`,
        (place) => [`/${base}/${place}/work_packages/form`, {}],
        [200, 200, 200, 403, 404],
      ],
      all(`/${base}/schema`),
    ]),
    ['POST /work_packages/form', (place) => ['/work_packages/form', inPlace(place)], [200, 200, 200, 403, 200]],
    [
      'POST /work_packages/{id}/form',
      async (place) => [`/work_packages/${await made.work(place)}/form`, { lockVersion: 0 }],
      WORKED,
    ],
    [
      'POST /time_entries/form',
      async (place) => ['/time_entries/form', { ...time, ...(await entity(place)) }],
      [200, 200, 200, 403, 200],
    ],
    [
      'POST /time_entries/{id}/form',
      async (place) => [`/time_entries/${await made.entry(place)}/form`, {}],
      [200, 200, 403, 403, 404],
    ],
    all('/time_entries/schema'),
    all('/work_packages/schemas', schemas),
    [
      'GET /work_packages/schemas/{id}',
      async (place) => [
        `/work_packages/schemas/${(await api.call('GET', `/api/v3/projects/${place}`)).json<Json>().id}-1`,
      ],
      SEEN,
    ],
  ]
}

/** The user asked about shares the project; the visitor and the stranger know nobody. */
function peopleRows(): Row[] {
  const at = (rest: string) => async (place: string) => [`/users/${await made.colleague(place)}${rest}`] as const
  const member = (place: string, id: number) => ({
    _links: { project: href(`projects/${place}`), principal: href(`users/${id}`), roles: [MEMBER] },
  })
  const of = async (place: string) => [`/memberships/${await made.membership(place)}`] as const
  return [
    ['GET /users', () => ['/users'], [200, 403, 403, 403, 403]],
    ['POST /users', () => ['/users', made.person()], [201, 403, 403, 403, 403]],
    ['GET /users/{id}', at(''), [200, 200, 200, 404, 404]],
    ['PATCH /users/{id}', async (place) => [...(await at('')(place)), { lastName: 'X' }], [200, 403, 403, 404, 404]],
    ['DELETE /users/{id}', at(''), [202, 403, 403, 404, 404]],
    ['POST /users/{id}/lock', async (place) => [...(await at('/lock')(place)), {}], [200, 403, 403, 404, 404]],
    ['DELETE /users/{id}/lock', at('/lock'), [200, 403, 403, 404, 404]],
    ['GET /users/{id}/preferences', at('/preferences'), [200, 403, 403, 404, 404]],
    all('/my_preferences'),
    all('/principals'),
    all('/memberships'),
    [
      'POST /memberships',
      async (place) => ['/memberships', member(place, await made.user())],
      [201, 201, 403, 403, 403],
    ],
    ['GET /memberships/{id}', of, [200, 200, 200, 404, 404]],
    [
      'PATCH /memberships/{id}',
      async (place) => [...(await of(place)), { _links: { roles: [PROJECT_ADMIN] } }],
      [200, 200, 403, 404, 404],
    ],
    ['DELETE /memberships/{id}', of, [204, 204, 403, 404, 404]],
    all('/memberships/schema'),
    all('/users/schema'),
    ['GET /memberships/available_projects', () => ['/memberships/available_projects'], [200, 200, 403, 403, 403]],
    [
      'POST /memberships/form',
      async (place) => ['/memberships/form', member(place, await made.user())],
      [200, 200, 403, 403, 403],
    ],
    [
      'POST /memberships/{id}/form',
      async (place) => [`${(await of(place))[0]}/form`, { _links: { roles: [PROJECT_ADMIN] } }],
      [200, 200, 403, 404, 404],
    ],
  ]
}

const ROWS: readonly Row[] = [
  all(''),
  all('/projects'),
  all('/workspaces'),
  all('/days/week'),
  all('/days/week/{id}', '/days/week/1'),
  all('/days/non_working'),
  ...['versions', 'relations', 'groups', 'placeholder_users', 'queries', 'news', 'documents', 'notifications'].map(
    (name) => all(`/${name}`),
  ),
  all('/projects/available_parent_projects'),
  all('/work_packages/available_projects'),
  all('/time_entries/available_projects'),
  all('/time_entries/available_work_packages'),
  ['POST /projects', () => ['/projects', { name: 'New' }], [201, 403, 403, 403, 403]],
  all('/project_statuses/{id}', '/project_statuses/on_track'),
  ...['types', 'statuses', 'priorities', 'time_entries/activities', 'roles'].flatMap((name) => [
    all(`/${name}`),
    all(`/${name}/{id}`),
  ]),
  ...projectRows('projects'),
  ...projectRows('workspaces'),
  ...workRows(),
  ...timeRows(),
  ...formRows(),
  ...peopleRows(),
]

async function answer(row: Row, who: Who): Promise<number> {
  const [route, ask] = row
  const [path, body] = await ask(placeOf(who), who)
  const token = tokens.get(who)
  const [method = ''] = route.split(' ')
  const headers = typeof body === 'string' ? { 'content-type': 'text/plain' } : {}
  const response = await api.call(method, `/api/v3${path}`, body, { headers, ...(token !== undefined && { token }) })
  return response.statusCode
}

describe.each(ROWS)('%s', (...row) => {
  it('answers each as it should', async () => {
    const got: Record<string, number> = {}
    for (const who of [...EVERYBODY, ...NOBODY]) got[who] = await answer(row, who)
    const expected = Object.fromEntries(EVERYBODY.map((who, i) => [who, row[2][i]]))
    expect(got).toEqual({ ...expected, locked: 401, anonymous: 401 })
  })
})

describe('a route without a row', () => {
  it('is public, or for administrators only', async () => {
    const rows = new Set(ROWS.map(([route]) => route))
    const spec: { paths: Record<string, object> } = (await api.call('GET', '/api/v3/spec.json')).json()
    const routes = Object.entries(spec.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path.replace(/^\/api\/v3/, '').replace(/\/$/, '')}`),
    )
    expect([...rows].filter((route) => !routes.includes(route))).toEqual([])
    for (const route of routes.filter((one) => !rows.has(one))) {
      const [method = '', path = ''] = route.split(' ')
      const token = tokens.get('project admin') ?? null
      const response = await api.call(method, `/api/v3${path.replace(/\{\w+\}/g, '1')}`, undefined, { token })
      const open = ['/configuration', '/spec.json', '/openapi.json', '/spec.yml'].includes(path)
      expect([route, response.statusCode]).toEqual([route, open ? 200 : 403])
    }
  })
})

describe('one’s own time', () => {
  it('is changed and deleted as a member, and nobody else’s is logged or moved', async () => {
    const token = tokens.get('member') ?? null
    const mia = (await api.call('GET', '/api/v3/users/me', undefined, { token })).json<Json>().id
    const body = { hours: 'PT1H', spentOn: '2026-03-01', ...(await entity('secret')) }
    const logged = await api.call('POST', '/api/v3/time_entries', body, { token })
    const entry: Json = logged.json()
    expect([logged.statusCode, entry._links['user']?.href]).toEqual([201, `/api/v3/users/${mia}`])
    const path = `/api/v3/time_entries/${entry.id}`
    for (const user of [href('users/1'), href(`users/${await made.colleague('secret')}`)]) {
      const given = await api.call('PATCH', path, { _links: { user } }, { token })
      expect([given.statusCode, given.json<Json>()['message']]).toEqual([
        422,
        expect.stringMatching(/^User (is invalid|does not exist)\.$/),
      ])
      const forged = await api.call(
        'POST',
        '/api/v3/time_entries',
        { ...body, _links: { ...body._links, user } },
        { token },
      )
      expect(forged.statusCode).toBe(422)
    }
    const moved = await api.call('PATCH', path, await entity('open'), { token })
    expect(moved.statusCode).toBe(403)
    expect((await api.call('PATCH', path, { hours: 'PT3H' }, { token })).statusCode).toBe(200)
    expect((await api.call('DELETE', path, undefined, { token })).statusCode).toBe(204)
  })

  it('is logged for members and administrators by who runs the project, and for nobody else', async () => {
    const token = tokens.get('project admin') ?? null
    const body = { hours: 'PT1H', spentOn: '2026-03-01', ...(await entity('secret')) }
    const logFor = async (id: number, by: string | null) => {
      const links = { ...body._links, user: href(`users/${id}`) }
      return (await api.call('POST', '/api/v3/time_entries', { ...body, _links: links }, { token: by })).statusCode
    }
    const outsider = await made.user()
    const root = await createTestUser(api, 'root', { admin: true })
    for (const by of [token, root.token]) {
      expect(await logFor(await made.colleague('secret'), by)).toBe(201)
      expect(await logFor(1, by)).toBe(201)
      expect(await logFor(outsider, by)).toBe(422)
    }
  })
})
