import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { effectiveFields } from '../../src/cli/explain.ts'
import { KIND_NAMES } from '../../src/resources/kinds.ts'
import { fieldsOf } from '../../src/resources/reference-table.ts'
import { type AdminUnderTest, startAdmin } from '../support/admin.ts'
import { nepenthesHere } from '../support/cli.ts'
import { resourceWith } from '../support/listing.ts'

const spec = {
  url: 'https://billing.example/hooks',
  events: ['time_entry:created'],
  headers: [{ name: 'X-A', value: 'a' }],
  delivery: { ordering: 'Strict' },
}
const billing = {
  ...resourceWith('Webhook', 'billing', [['Ready', 'False', 'SecretNotFound', 'there is no Secret \u001b[2Jaudit']], {
    generation: 3,
    status: { programmedGeneration: 2 },
  }),
  spec,
}

let admin: AdminUnderTest
beforeAll(async () => {
  admin = await startAdmin()
  admin.listing.put(billing)
})
afterAll(() => admin[Symbol.asyncDispose]())

const explain = (...what: string[]) => nepenthesHere(['explain', ...what])
const explainHere = (what: string) => explain(what, '--server', admin.url)

describe('explain of a resource', () => {
  it('shows what is written, what the rest means, and how it stands', async () => {
    const { code, stdout } = await explainHere('nwh/billing')
    expect(code).toBe(0)
    const lines = stdout.split('\n').map((line) => line.replace(/ {2,}/g, '  '))
    expect(lines[0]).toBe('Webhook billing, generation 3; generation 2 is in force, the last good one')
    for (const line of [
      'spec.displayName  metadata.name  default',
      'spec.url  "https://billing.example/hooks"  written',
      'spec.enabled  true  default',
      'spec.events  ["time_entry:created"]  written',
      'spec.headers[0].name  "X-A"  written',
      'spec.delivery.timeoutSeconds  15  default',
      'spec.delivery.maxConcurrency  1  ordering: Strict',
      'spec.delivery.ordering  "Strict"  written',
      'Ready  False  SecretNotFound  there is no Secret �[2Jaudit',
    ])
      expect(lines).toContain(line)
  })

  it('of an empty spec every default that is documented, and nothing else', () => {
    for (const kind of KIND_NAMES) {
      const defaults = fieldsOf(kind).filter(
        ({ field, fallback }) => fallback !== '' && fallback !== 'required' && !field.includes('[]'),
      )
      expect(effectiveFields(kind, {})).toEqual(defaults.map(({ field, fallback }) => [field, fallback, 'default']))
      expect(defaults.length).toBeGreaterThan(2)
    }
  })

  it('says that a field is unknown, and that a resource is not there', async () => {
    expect(effectiveFields('ApiSettings', { maxPagesize: 5 })).toContainEqual([
      'spec.maxPagesize',
      '5',
      'unknown field',
    ])
    const missing = await explainHere('webhook/none')
    expect(missing).toMatchObject({ code: 1, stdout: '' })
    expect(missing.stderr).toContain('none')
  })
})

describe('explain of a field', () => {
  it('says what the documentation says, without an operator', async () => {
    expect((await explain('webhook.spec.delivery.timeoutSeconds')).stdout).toBe(
      'spec.delivery.timeoutSeconds  integer; 1 to 60; default 15\n    Limit of a whole attempt, DNS to last body byte.\n',
    )
    expect((await explain('Webhooks.spec.headers[].valueFrom')).stdout).toContain(
      'spec.headers[].valueFrom.secretKeyRef',
    )
  })

  it('knows every field of every kind', async () => {
    for (const kind of KIND_NAMES) {
      const { stdout } = await explain(kind)
      for (const { field } of fieldsOf(kind)) expect(stdout).toContain(`${field}  `)
    }
  })

  it.each([
    ['webhook.spec.delivry', 'Webhook has no field spec.delivry\nDid you mean webhook.spec.delivery?'],
    ['gadget', 'there is no kind "gadget"'],
    ['webhook/', 'expected KIND/NAME'],
    ['gadget/x', 'there is no kind "gadget"'],
  ])('%s is wrong usage', async (what, message) => {
    const ran = await explain(what)
    expect(ran).toMatchObject({ code: 2, stdout: '' })
    expect(ran.stderr).toContain(message)
  })
})

it('--output may be written -o', async () => {
  const { code, stdout } = await nepenthesHere(['status', '-o', 'json', '--server', admin.url])
  expect(code).toBe(0)
  expect((JSON.parse(stdout) as { items: unknown[] }).items).toEqual([billing])
})
