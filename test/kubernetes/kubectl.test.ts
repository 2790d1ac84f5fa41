import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { CRDS, type Cluster, type Json, openCluster } from './cluster.ts'
import { at, condition, webhook, webhooksPath } from './manifests.ts'

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples', 'resources')

let cluster: Cluster
beforeAll(async () => {
  cluster = await openCluster()
})
afterAll(() => cluster.close())

/** What a person reads, in whatever column it stands: runs of blanks are one. */
const squeeze = (text: string) => text.trim().replace(/ {2,}/g, '  ')
const kubectl = async (args: string, input?: unknown) =>
  cluster.kubectl(args.split(' '), { input: input === undefined ? undefined : stringify(input) })
const good = async (args: string, input?: unknown) => {
  const { code, stdout, stderr } = await kubectl(args, input)
  expect(code, stderr).toBe(0)
  return squeeze(stdout)
}
const bad = async (args: string, input?: unknown) => {
  const { code, stderr } = await kubectl(args, input)
  expect(code).not.toBe(0)
  return stderr.trim()
}
const setStatus = (name: string, status: Json) =>
  cluster.request('PATCH', webhooksPath(cluster.namespace, `/${name}/status`), {
    body: { status },
    type: 'application/merge-patch+json',
  })

describe('the definitions', () => {
  test('can be applied on either side, again and again', async () => {
    expect(await good(`apply --server-side -f ${CRDS}`)).toMatch(/webhooks.nepenthes.dev serverside-applied$/)
    expect((await kubectl(`apply -f ${CRDS}`)).code).toBe(0)
    expect(await good(`apply --server-side -f ${CRDS}`)).toMatch(/apisettings.nepenthes.dev serverside-applied/)
  })

  test('show up under every name they have', async () => {
    await good('apply -f -', webhook('named'))
    for (const name of ['webhooks', 'webhook', 'nwh', 'webhooks.nepenthes.dev', 'webhooks.v1.nepenthes.dev'])
      expect(await good(`get ${name} named -o name`)).toBe('webhook.nepenthes.dev/named')
    expect(await good('get nepenthes -o name')).toContain('webhook.nepenthes.dev/named')
    expect(await good('api-resources --api-group=nepenthes.dev --no-headers')).toBe(
      'apisettings  nepenthes.dev/v1  true  ApiSettings\nwebhooks  nwh  nepenthes.dev/v1  true  Webhook',
    )
  })

  test('explain each field', async () => {
    const spec = await good('explain webhook.spec')
    for (const field of ['url\t<string>', 'events\t<[]string> -required-', 'headers\t<[]Object>'])
      expect(spec).toContain(field)
    const delivery = await good('explain webhook.spec.delivery.timeoutSeconds')
    expect(delivery).toContain('Limit of a whole attempt, DNS to last body byte. Default: 15.')
    expect(await good('explain apisettings.spec --recursive')).toContain('allowedOrigins\t<[]string>')
  })
})

describe('a Webhook', () => {
  test('of each example is taken as it is, on either side', async () => {
    const file = join(EXAMPLES, 'webhook.yaml')
    expect(await good(`apply -f ${file}`)).toBe(
      'webhook.nepenthes.dev/billing created\nwebhook.nepenthes.dev/chat created',
    )
    expect(await good(`apply -f ${file}`)).toMatch(/billing unchanged/)
    expect(await good(`diff -f ${file}`)).toBe('')
    expect(await good(`apply --server-side --force-conflicts -f ${file}`)).toMatch(/billing serverside-applied/)
    expect(await good(`apply -f ${join(EXAMPLES, 'apisettings.yaml')}`)).toMatch(/default created/)
    expect(readFileSync(file, 'utf8')).toContain(await good('get nwh billing -o jsonpath={.spec.url}'))
  })

  test('shows how it stands, and more when asked', async () => {
    await good('apply -f -', webhook('columns'))
    expect(await good('get nwh columns')).toMatch(/^NAME  ENDPOINT  READY  DELIVERING  REASON  AGE\ncolumns  \d+s$/)
    await setStatus('columns', {
      observedGeneration: 1,
      endpoint: 'https://receiver.example',
      conditions: [{ ...condition('Ready', 'True'), reason: 'Ready' }, condition('Delivering', 'False')],
      delivery: { lastSuccessTime: new Date(Date.now() - 3_600_000 * 50).toISOString(), pending: 3 },
    })
    expect(await good('get nwh columns --no-headers')).toMatch(
      /^columns  https:\/\/receiver.example  True  False  Ready  \d+s$/,
    )
    expect(await good('get nwh columns -o wide')).toMatch(/LAST SUCCESS  PENDING  AGE\n.*  2d2h  3  \d+s$/)
  })

  test('can be waited for: no status of before counts', async () => {
    await good('apply -f -', webhook('awaited'))
    const waiting = good('wait --for=condition=Ready nwh/awaited --timeout=15s')
    await setStatus('awaited', { observedGeneration: 1, conditions: [condition('Ready', 'True')] })
    expect(await waiting).toBe('webhook.nepenthes.dev/awaited condition met')
    await good('patch nwh awaited --type=merge -p {"spec":{"enabled":false}}')
    expect(await bad('wait --for=condition=Ready nwh/awaited --timeout=1s')).toContain('timed out waiting')
  })

  test('is described, with the events about it', async () => {
    await good('apply -f -', webhook('described'))
    const uid = await good('get nwh described -o jsonpath={.metadata.uid}')
    const { namespace } = cluster
    const involvedObject = { apiVersion: 'nepenthes.dev/v1', kind: 'Webhook', name: 'described', namespace, uid }
    const times = { firstTimestamp: '2026-03-01T12:00:00Z', lastTimestamp: '2026-03-01T12:00:00Z', count: 1 }
    const event = { reason: 'CircuitOpened', message: 'ten failures', type: 'Warning', involvedObject, ...times }
    await good('create -f -', { apiVersion: 'v1', kind: 'Event', metadata: { name: 'described.1' }, ...event })
    const described = await good('describe nwh described')
    expect(described).toContain('Kind:  Webhook')
    expect(described).toMatch(/URL: {2}https:\/\/receiver.example\/hooks/)
    expect(described).toMatch(/Warning {2}CircuitOpened .* ten failures/)
  })

  test('is patched, edited, labelled, annotated and replaced', async () => {
    await good('apply -f -', webhook('changed'))
    expect(await good('patch nwh changed --type=merge -p {"spec":{"displayName":"x"}}')).toMatch(/patched$/)
    expect(await good('patch nwh changed --type=merge -p {"spec":{"displayName":"x"}}')).toMatch(
      /patched \(no change\)$/,
    )
    const remove = '[{"op":"remove","path":"/spec/displayName"}]'
    expect(await good(`patch nwh changed --type=json -p ${remove}`)).toMatch(/patched$/)
    await good('label nwh changed team=a')
    await good('annotate nwh changed nepenthes.dev/resumeAt=2026-03-01')
    const object = JSON.parse(await good('get nwh changed -o json')) as Json
    expect(object).toMatchObject({ metadata: { labels: { team: 'a' }, generation: 3 } })
    const replaced = { ...object, spec: { ...(object['spec'] as Json), enabled: false } }
    expect(await good('replace -f -', replaced)).toMatch(/replaced$/)
    expect(await bad('replace -f -', replaced)).toContain('the object has been modified')
  })

  test('is edited, once what the editor leaves is valid', async () => {
    await good('apply -f -', webhook('edited', { enabled: true }))
    const edit = (editor: string) => cluster.kubectl(['edit', 'nwh', 'edited'], { editor })
    expect((await edit('sed -i s/enabled:.true/enabled:\\ false/')).stdout.trim()).toBe(
      'webhook.nepenthes.dev/edited edited',
    )
    expect(await good('get nwh edited -o jsonpath={.spec.enabled}')).toBe('false')
    const { code, stderr } = await edit('sed -i s/time_entry:created/time_entry:creatd/')
    expect([code, stderr.split('\n')[0]]).toEqual([1, 'error: webhooks.nepenthes.dev "edited" is invalid'])
  })

  test('is selected by label and by field', async () => {
    await good('apply -f -', webhook('selected', { enabled: false }, { labels: { pick: 'me' } }))
    expect(await good('get nwh -l pick=me -o name')).toBe('webhook.nepenthes.dev/selected')
    expect(await good('get nwh --field-selector spec.enabled=false,metadata.name=selected -o name')).toBe(
      'webhook.nepenthes.dev/selected',
    )
    expect(await bad('get nwh --field-selector spec.events=x')).toContain('field label not supported: spec.events')
  })

  test('is tried out without being stored', async () => {
    expect(await good('apply --dry-run=server -f -', webhook('tried'))).toBe(
      'webhook.nepenthes.dev/tried created (server dry run)',
    )
    expect(await good('apply --server-side --dry-run=server -f -', webhook('tried'))).toMatch(/serverside-applied/)
    expect(await bad('get nwh tried')).toBe('Error from server (NotFound): webhooks.nepenthes.dev "tried" not found')
  })

  test('is deleted, once its finalizers are gone', async () => {
    await good('apply -f -', webhook('deleted', {}, { finalizers: ['nepenthes.dev/hold'] }))
    await good('delete nwh deleted --wait=false')
    expect(await good('get nwh deleted -o jsonpath={.metadata.deletionTimestamp}')).toMatch(/Z$/)
    const gone = good('wait --for=delete nwh/deleted --timeout=15s')
    await good('patch nwh deleted --type=json -p [{"op":"remove","path":"/metadata/finalizers"}]')
    await gone
    expect(await good('get nwh deleted --ignore-not-found')).toBe('')
  })

  test('does not let two who apply it overwrite each other unseen', async () => {
    const mine = webhook('shared', { enabled: true })
    await good('apply --server-side --field-manager=one -f -', mine)
    const said = await bad('apply --server-side --field-manager=two -f -', webhook('shared', { enabled: false }))
    expect(said).toContain('Apply failed with 1 conflict: conflict with "one": .spec.enabled')
    expect(said).toContain('--force-conflicts')
    await good('apply --server-side --field-manager=two --force-conflicts -f -', webhook('shared', { enabled: false }))
    expect(await good('get nwh shared -o jsonpath={.spec.enabled}')).toBe('false')
  })

  test('goes over from client-side to server-side apply without losing a field', async () => {
    await good('apply -f -', webhook('migrated', { enabled: true, displayName: 'x' }))
    await good('apply --server-side -f -', webhook('migrated', { enabled: false }))
    const { spec } = JSON.parse(await good('get nwh migrated -o json')) as { spec: Json }
    expect(spec).toEqual(webhook('migrated', { enabled: false }).spec)
  })
})

describe('what a person reads', () => {
  test('of a misspelt field', async () => {
    expect(await bad('apply -f -', webhook('bad', { urll: 'x' }))).toMatch(
      /^Error from server \(BadRequest\): .*Webhook in version "v1" cannot be handled as a Webhook: strict decoding error: unknown field "spec.urll"$/,
    )
    const { stderr } = await kubectl('apply --validate=warn --dry-run=server -f -', webhook('bad', { urll: 'x' }))
    expect(stderr).toContain('Warning: unknown field "spec.urll"')
    expect(await bad('apply --server-side -f -', webhook('bad', { urll: 'x' }))).toContain(
      '.spec.urll: field not declared in schema',
    )
  })

  test('of several mistakes: each field with what it may be', async () => {
    const said = await bad(
      'apply -f -',
      webhook('bad', {
        events: ['time_entry:creatd'],
        delivery: { timeoutSeconds: 99 },
        urlFrom: { secretKeyRef: { name: 'a', key: 'b' } },
      }),
    )
    const ruled = await bad(
      'apply -f -',
      webhook('bad', { delivery: { timeoutSeconds: 99 }, urlFrom: { secretKeyRef: { name: 'a', key: 'b' } } }),
    )
    expect(said).toMatch(/^The Webhook "bad" is invalid: ?\n/)
    expect(said).toContain(
      'spec.events[0]: Unsupported value: "time_entry:creatd": supported values: "project:created"',
    )
    expect(said).toContain('spec.delivery.timeoutSeconds in body should be less than or equal to 60')
    // What a rule says may rest on a value that is none of those there are: then it is not asked.
    expect(said).not.toContain('exactly one of url and urlFrom must be set')
    expect(ruled).toContain('spec.delivery.timeoutSeconds in body should be less than or equal to 60')
    expect(ruled).toContain('exactly one of url and urlFrom must be set')
  })

  test.each<[string, Json, string]>([
    ['a missing field', { events: undefined }, 'spec.events: Required value'],
    ['a header that is the sender’s', { headers: [{ name: 'Host', value: 'x' }] }, 'this header is set by the sender'],
    [
      'a header twice',
      {
        headers: [
          { name: 'X-A', value: '1' },
          { name: 'x-a', value: '2' },
        ],
      },
      'must be unique, ignoring case',
    ],
    ['credentials in clear', { headers: [{ name: 'Cookie', value: 'a=b' }] }, 'carry credentials: use valueFrom'],
    ['a header with no value', { headers: [{ name: 'X-A' }] }, 'exactly one of value and valueFrom must be set'],
    [
      'an ordering that forbids concurrency',
      { delivery: { ordering: 'Strict', maxConcurrency: 2 } },
      'maxConcurrency cannot be combined with ordering Strict',
    ],
  ])('of %s', async (_, spec, message) => {
    expect(await bad('apply -f -', webhook('bad', spec))).toContain(message)
  })

  test('of settings under another name', async () => {
    const settings = { apiVersion: 'nepenthes.dev/v1', kind: 'ApiSettings', metadata: { name: 'other' }, spec: {} }
    expect(await bad('apply -f -', settings)).toMatch(/^The ApiSettings "other" is invalid: /)
  })
})

describe('a definition that goes', () => {
  const thing = { apiVersion: 'suite.nepenthes.dev/v1', kind: 'Thing', metadata: { name: 'one' }, spec: { size: 1 } }
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.suite.nepenthes.dev' },
    spec: {
      group: 'suite.nepenthes.dev',
      scope: 'Namespaced',
      names: { kind: 'Thing', plural: 'things', singular: 'thing', listKind: 'ThingList' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec: SPEC() } } },
        },
      ],
    },
  }
  function SPEC() {
    const rule = { rule: '!has(oldSelf.size) || self.size >= oldSelf.size', message: 'size may only grow' }
    const size = { type: 'integer', default: 1 }
    const extra = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
    return { type: 'object', properties: { size, extra }, 'x-kubernetes-validations': [rule] }
  }

  test('takes its objects along; until then it is served like ours', async () => {
    await good('apply --server-side -f -', definition)
    await good('wait --for=condition=Established crd/things.suite.nepenthes.dev')
    await good('apply -f -', { ...thing, spec: { extra: { any: ['thing'] } } })
    const stored = JSON.parse(await good('get thing one -o json')) as Json
    expect(stored['spec']).toEqual({ size: 1, extra: { any: ['thing'] } })
    await good('apply -f -', { ...thing, spec: { size: 3 } })
    expect(await bad('apply -f -', { ...thing, spec: { size: 2 } })).toContain('size may only grow')
    await good('delete crd things.suite.nepenthes.dev')
    const path = `/apis/suite.nepenthes.dev/v1/namespaces/${cluster.namespace}/things`
    await expect.poll(async () => (await cluster.request('GET', path)).status).toBe(404)
    expect(await bad('get things')).toContain('the server')
    await good('apply --server-side -f -', definition)
    await expect.poll(async () => at((await cluster.request('GET', path)).body, 'items')).toEqual([])
    await good('delete crd things.suite.nepenthes.dev')
  })

  test('is refused when it is none', async () => {
    const misnamed = { ...definition, metadata: { name: 'wrong.suite.nepenthes.dev' } }
    expect(await bad('apply --server-side -f -', misnamed)).toContain('spec.names.plural+"."+spec.group')
    const [version] = definition.spec.versions
    const changed = (change: Json) => ({
      ...definition,
      spec: { ...definition.spec, versions: [{ ...version, ...change }] },
    })
    const selecting = changed({ selectableFields: [{ jsonPath: '.spec.extra' }] })
    expect(await bad('apply --server-side -f -', selecting)).toContain('spec.selectableFields[0].jsonPath')
    expect(await bad('apply --server-side -f -', changed({ storage: false }))).toContain('spec.versions')
    expect(await bad('apply --server-side -f -', changed({ schema: {} }))).toContain(
      'spec.versions[0].schema.openAPIV3Schema',
    )
  })
})

test('a Secret is made, labelled and read by the usual commands', async () => {
  await good('create secret generic key --from-literal=secret=sixteen-bytes-at-least')
  expect(await good('label secret key nepenthes.dev/webhook=true')).toBe('secret/key labeled')
  expect(await good('get secrets -l nepenthes.dev/webhook=true --no-headers')).toMatch(/^key  Opaque  1  \d+s$/)
  expect(await good('auth can-i get secrets')).toBe('yes')
})
