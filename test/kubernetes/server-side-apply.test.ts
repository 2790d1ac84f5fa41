import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Cluster, type Json, openCluster } from './cluster.ts'
import { at, condition, webhook, webhooksPath } from './manifests.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await openCluster()
})
afterAll(() => cluster.close())

interface How {
  readonly force?: boolean
  readonly through?: 'status'
  readonly metadata?: Json
}

/** What each case does, in order. */
type Step =
  | readonly ['apply', manager: string, fields: Json, how?: How]
  | readonly ['patch', manager: string, patch: Json, how?: How]

const APPLY = 'application/apply-patch+yaml'
const MERGE = 'application/merge-patch+json'

/** Only what is given is applied: no field of the usual Webhook is added. */
async function take(name: string, [verb, manager, fields, how = {}]: Step) {
  const { force, through, metadata } = how
  const rest = `/${name}${through ? `/${through}` : ''}?fieldManager=${manager}${force ? '&force=true' : ''}`
  const object = { apiVersion: 'nepenthes.dev/v1', kind: 'Webhook', metadata: { name, ...metadata }, ...fields }
  const [body, type] = verb === 'apply' ? [object, APPLY] : [fields, MERGE]
  return cluster.request('PATCH', webhooksPath(cluster.namespace, rest), { body, type })
}

async function takeAll(name: string, steps: readonly Step[]) {
  let last = await take(name, ['apply', 'base', webhook(name)])
  for (const step of steps) last = await take(name, step)
  const { body } = await cluster.request('GET', webhooksPath(cluster.namespace, `/${name}`))
  return { last, object: body }
}

/** `manager operation` of those who own a field, in the notation of FieldsV1. */
function owners(object: Json, ...path: readonly string[]): string[] {
  const entries = at(object, 'metadata.managedFields') as { manager: string; operation: string; fieldsV1: Json }[]
  return entries
    .filter(({ fieldsV1 }) => path.reduce<unknown>((fields, step) => (fields as Json | undefined)?.[step], fieldsV1))
    .map(({ manager, operation }) => `${manager} ${operation}`)
    .sort()
}

const causes = (body: Json) =>
  ((at(body, 'details.causes') ?? []) as { field: string; message: string }[]).map(
    ({ field, message }) => `${field}: ${message}`,
  )

describe('ownership of a field (Kubernetes documentation, Server-Side Apply)', () => {
  const ENABLED = ['f:spec', 'f:enabled']

  test.each<[string, readonly Step[], unknown, readonly string[]]>([
    ['belongs to who applied it', [['apply', 'a', { spec: { enabled: true } }]], true, ['a Apply']],
    [
      'is shared by those who apply the same value',
      [
        ['apply', 'a', { spec: { enabled: true } }],
        ['apply', 'b', { spec: { enabled: true } }],
      ],
      true,
      ['a Apply', 'b Apply'],
    ],
    [
      'stays while one of them still applies it',
      [
        ['apply', 'a', { spec: { enabled: true } }],
        ['apply', 'b', { spec: { enabled: true } }],
        ['apply', 'a', { spec: {} }],
      ],
      true,
      ['b Apply'],
    ],
    [
      'goes when the last who applied it leaves it out',
      [
        ['apply', 'a', { spec: { enabled: true } }],
        ['apply', 'a', { spec: {} }],
      ],
      undefined,
      [],
    ],
    [
      'is taken over by force',
      [
        ['apply', 'a', { spec: { enabled: true } }],
        ['apply', 'b', { spec: { enabled: false } }, { force: true }],
      ],
      false,
      ['b Apply'],
    ],
    [
      'is not taken without',
      [
        ['apply', 'a', { spec: { enabled: true } }],
        ['apply', 'b', { spec: { enabled: false } }],
      ],
      true,
      ['a Apply'],
    ],
    [
      'is taken by any other write',
      [
        ['apply', 'a', { spec: { enabled: true } }],
        ['patch', 'b', { spec: { enabled: false } }],
      ],
      false,
      ['b Update'],
    ],
    [
      'stays where it is when a write repeats its value',
      [
        ['apply', 'a', { spec: { enabled: true } }],
        ['patch', 'b', { spec: { enabled: true } }],
      ],
      true,
      ['a Apply'],
    ],
    [
      'is nobody’s once a write removed it',
      [
        ['apply', 'a', { spec: { enabled: true } }],
        ['patch', 'b', { spec: { enabled: null } }],
      ],
      undefined,
      [],
    ],
    [
      'is one manager’s twice when it applies and patches',
      [
        ['patch', 'a', { spec: { enabled: true } }],
        ['apply', 'a', { spec: { enabled: true } }],
      ],
      true,
      ['a Apply', 'a Update'],
    ],
    [
      'is left alone by who never applied it',
      [
        ['patch', 'a', { spec: { enabled: true } }],
        ['apply', 'b', { spec: { displayName: 'x' } }],
        ['apply', 'b', { spec: {} }],
      ],
      true,
      ['a Update'],
    ],
  ])('%s', async (title, steps, value, expected) => {
    const { object } = await takeAll(nameOf(title), steps)
    expect(at(object, 'spec.enabled')).toBe(value)
    expect(owners(object, ...ENABLED)).toEqual(expected)
  })
})

const nameOf = (title: string) =>
  title
    .toLowerCase()
    .replace(/[^a-z]+/g, '-')
    .slice(0, 60)

describe('a conflict', () => {
  test('names the field and its owner', async () => {
    const { last } = await takeAll('conflict-one', [['apply', 'b', { spec: { url: 'https://other.example/' } }]])
    expect([last.status, last.body['reason']]).toEqual([409, 'Conflict'])
    expect(causes(last.body)).toEqual(['.spec.url: conflict with "base"'])
    expect(last.body['message']).toBe('Apply failed with 1 conflict: conflict with "base": .spec.url')
  })

  test('names the version too when the owner did not apply', async () => {
    const { last } = await takeAll('conflict-update', [
      ['patch', 'human', { spec: { enabled: true } }],
      ['apply', 'b', { spec: { enabled: false } }],
    ])
    expect(causes(last.body)).toEqual(['.spec.enabled: conflict with "human" using nepenthes.dev/v1'])
  })

  test('names all fields, inside lists as well', async () => {
    const headers = (value: string) => ({ spec: { headers: [{ name: 'X-A', value }], enabled: value === 'b' } })
    const { last, object } = await takeAll('conflict-many', [
      ['apply', 'a', headers('a')],
      ['apply', 'b', headers('b')],
    ])
    expect(causes(last.body)).toEqual([
      '.spec.enabled: conflict with "a"',
      '.spec.headers[name="X-A"].value: conflict with "a"',
    ])
    expect(at(object, 'spec.enabled')).toBe(false)
  })

  test('of versions: an apply may say which object and version it means', async () => {
    const uid = await takeAll('conflict-uid', [['apply', 'a', { spec: {} }, { metadata: { uid: 'another' } }]])
    expect([uid.last.status, at(uid.last.body, 'details.causes.0.field')]).toEqual([422, 'metadata.uid'])
    const version = { resourceVersion: '1' }
    const stale = await takeAll('conflict-version', [['apply', 'a', { spec: {} }, { metadata: version }]])
    expect(stale.last.status).toBe(409)
  })
})

describe('lists', () => {
  const header = (name: string, value: string) => ({ name, value })

  test('of kind map are owned item by item', async () => {
    const name = 'list-map'
    const both = await takeAll(name, [
      ['apply', 'a', { spec: { headers: [header('X-A', '1'), header('X-B', '1')] } }],
      ['apply', 'b', { spec: { headers: [header('X-C', '1')] } }],
    ])
    expect(at(both.object, 'spec.headers')).toEqual([header('X-A', '1'), header('X-B', '1'), header('X-C', '1')])
    expect(owners(both.object, 'f:spec', 'f:headers', 'k:{"name":"X-C"}', 'f:value')).toEqual(['b Apply'])
    await take(name, ['apply', 'a', { spec: { headers: [header('X-B', '2')] } }])
    const { body } = await take(name, ['apply', 'b', { spec: {} }])
    expect(at(body, 'spec.headers')).toEqual([header('X-B', '2')])
    const { body: empty } = await take(name, ['apply', 'a', { spec: {} }])
    expect(at(empty, 'spec.headers')).toBeUndefined()
  })

  test('of kind set are owned value by value', async () => {
    const name = 'list-set'
    await takeAll(name, [
      ['apply', 'a', { spec: { projects: ['one', 'shared'] } }],
      ['apply', 'b', { spec: { projects: ['shared', 'two'] } }],
    ])
    const { body } = await take(name, ['apply', 'a', { spec: {} }])
    expect(at(body, 'spec.projects')).toEqual(['shared', 'two'])
  })

  test('that are atomic belong to one, as a whole', async () => {
    const name = 'list-atomic'
    const unmatched = (...projects: string[]) => ({ status: { unmatchedProjects: projects } })
    const { last } = await takeAll(name, [
      ['apply', 'a', unmatched('x'), { through: 'status' }],
      ['apply', 'b', unmatched('x', 'y'), { through: 'status' }],
    ])
    expect(causes(last.body)).toEqual(['.status.unmatchedProjects: conflict with "a" with subresource "status"'])
  })
})

describe('the status', () => {
  const ready = { status: { conditions: [condition('Ready', 'True')] } }

  test('is applied through its own endpoint, under its own entry', async () => {
    const { object } = await takeAll('status-own', [['apply', 'operator', ready, { through: 'status' }]])
    expect(at(object, 'status.conditions')).toEqual([condition('Ready', 'True')])
    expect(at(object, 'metadata.generation')).toBe(1)
    const entries = at(object, 'metadata.managedFields') as Json[]
    expect(entries.map(({ manager, subresource }) => [manager, subresource])).toContainEqual(['operator', 'status'])
  })

  test('is not applied through the main endpoint, nor the spec through this', async () => {
    const { object } = await takeAll('status-apart', [
      ['apply', 'a', { spec: { enabled: true }, ...ready }],
      ['apply', 'b', { spec: { enabled: false }, ...ready }, { through: 'status', force: true }],
    ])
    expect(at(object, 'spec.enabled')).toBe(true)
    expect(owners(object, 'f:status')).toEqual(['b Apply'])
    expect(owners(object, 'f:spec', 'f:enabled')).toEqual(['a Apply'])
  })

  test('is for whatever object bears the name, unless a version is given', async () => {
    const { last } = await takeAll('status-whose', [
      ['apply', 'operator', ready, { through: 'status', metadata: { uid: 'another' } }],
    ])
    expect(last.status).toBe(200)
    const stale = await take('status-whose', [
      'apply',
      'operator',
      { status: { conditions: [condition('Ready', 'False')] } },
      { through: 'status', metadata: { resourceVersion: '1' } },
    ])
    expect([stale.status, stale.body['reason']]).toEqual([409, 'Conflict'])
  })

  test('keeps the conditions of others', async () => {
    const name = 'status-conditions'
    await takeAll(name, [
      ['apply', 'operator', ready, { through: 'status' }],
      ['apply', 'other', { status: { conditions: [condition('example.com/Seen', 'True')] } }, { through: 'status' }],
    ])
    const next = { status: { conditions: [condition('Accepted', 'True')] } }
    const { body } = await take(name, ['apply', 'operator', next, { through: 'status' }])
    const types = (at(body, 'status.conditions') as Json[]).map(({ type }) => type)
    expect(types.sort()).toEqual(['Accepted', 'example.com/Seen'])
  })
})

describe('an apply', () => {
  test('creates what is not there, and says so', async () => {
    const { status, body } = await take('created', ['apply', 'a', webhook('created')])
    expect([status, at(body, 'metadata.generation')]).toEqual([201, 1])
    expect(owners(body, 'f:spec', 'f:url')).toEqual(['a Apply'])
    expect(owners(body, 'f:metadata', 'f:name')).toEqual([])
  })

  test('that changes nothing writes nothing', async () => {
    const { object } = await takeAll('nothing', [['apply', 'base', webhook('nothing')]])
    const { body } = await take('nothing', ['apply', 'base', webhook('nothing')])
    expect(body).toEqual(object)
  })

  test('drops the container that its last field leaves empty', async () => {
    const { object } = await takeAll('emptied', [
      ['apply', 'a', { spec: { delivery: { timeoutSeconds: 5 } } }],
      ['apply', 'a', { spec: {} }],
    ])
    expect(at(object, 'spec.delivery')).toBeUndefined()
  })

  test('needs a manager, a kind, and fields that are declared', async () => {
    const path = webhooksPath(cluster.namespace, '/demanding')
    const anonymous = await cluster.request('PATCH', path, { body: webhook('demanding'), type: APPLY })
    expect([anonymous.status, anonymous.body['message']]).toEqual([
      422,
      expect.stringContaining('fieldManager: Required'),
    ])
    const { kind: _, ...kindless } = webhook('demanding')
    expect((await cluster.request('PATCH', `${path}?fieldManager=a`, { body: kindless, type: APPLY })).status).toBe(400)
    const { body } = await take('demanding', ['apply', 'a', webhook('demanding', { urll: 1 })])
    expect(body['message']).toContain('.spec.urll: field not declared in schema')
  })

  test('is as invalid as any other write', async () => {
    const { last } = await takeAll('invalid', [['apply', 'a', { spec: { delivery: { maxAttempts: 11 } } }]])
    expect([last.status, last.body['reason']]).toEqual([422, 'Invalid'])
  })

  test('on trial leaves everything as it is', async () => {
    await takeAll('trial', [])
    const path = webhooksPath(cluster.namespace, '/trial')
    const body = webhook('trial', { enabled: false })
    const tried = await cluster.request('PATCH', `${path}?fieldManager=a&dryRun=All`, { body, type: APPLY })
    expect([tried.status, at(tried.body, 'spec.enabled')]).toEqual([200, false])
    expect(at((await cluster.request('GET', path)).body, 'spec.enabled')).toBeUndefined()
  })
})

test('a manager’s entries can be taken over, or all be forgotten', async () => {
  const { object } = await takeAll('forgotten', [['patch', 'old', { spec: { enabled: true } }]])
  expect(owners(object, 'f:spec')).toEqual(['base Apply', 'old Update'])
  const path = webhooksPath(cluster.namespace, '/forgotten?fieldManager=old')
  const body = [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }]
  await cluster.request('PATCH', path, { body, type: 'application/json-patch+json' })
  const { body: after } = await cluster.request('GET', webhooksPath(cluster.namespace, '/forgotten'))
  expect(at(after, 'metadata.managedFields')).toBeUndefined()
})
