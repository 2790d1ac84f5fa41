import type { DeliveringReason, DeliveryHealth } from '../../src/status/status.ts'
import type { KStatus } from '../support/kstatus.ts'
import { apiSettingsYaml, createEnvironment, webhookYaml } from '../reconcile/environment.ts'

export interface Standing {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly generation: number }
  readonly status?: { readonly observedGeneration: number; readonly conditions: readonly StandingCondition[] }
}

interface StandingCondition {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly message: string
}

export interface Case {
  readonly what: string
  readonly object: Standing
  readonly expected: Exclude<KStatus, 'Terminating'>
  /** Part of what Argo CD shows. */
  readonly says: string
}

const TROUBLE: readonly DeliveringReason[] = ['EndpointFailing', 'CircuitOpen', 'EndpointGone', 'AddressBlocked']

/** What the controller itself says of resources in every state there is, and what tools are to make of it. */
export async function standings(): Promise<Case[]> {
  const env = await createEnvironment()
  const of = (kind: 'Webhook' | 'ApiSettings', name: string): Standing => {
    const found = env.controller.get(`${kind}/${name}`)
    if (!found) throw new Error(`there is no ${kind} ${name}`)
    return { kind, metadata: found.metadata, status: found.status }
  }
  try {
    env.secrets.set('short', 'secret', 'too short')
    await env.start()
    await env.put(FIRST)
    for (const reason of TROUBLE) env.health.set(reason.toLowerCase(), health('False', reason))
    env.health.set('delivered', health('True', 'Delivered'))
    await env.settle(() => env.controller.healthChanged(['delivered', ...TROUBLE.map((one) => one.toLowerCase())]))
    await env.put({ 'edited.yaml': webhookYaml('edited', 'hedaers: []') })
    const before = of('Webhook', 'new')
    const cases: Case[] = [
      { what: 'settings in force', object: of('ApiSettings', 'default'), expected: 'Current', says: 'in force' },
      { what: 'in force, no deliveries yet', object: before, expected: 'Current', says: 'in force' },
      { what: 'delivering', object: of('Webhook', 'delivered'), expected: 'Current', says: 'in force' },
      { what: 'switched off', object: of('Webhook', 'disabled'), expected: 'Current', says: 'in force' },
      ...TROUBLE.map((reason): Case => {
        const object = of('Webhook', reason.toLowerCase())
        return { what: `in force, ${reason}`, object, expected: 'Current', says: 'deliveries fail: HTTP 500' }
      }),
      { what: 'never valid', object: of('Webhook', 'invalid'), expected: 'Failed', says: 'hedaers' },
      { what: 'edited into an invalid one', object: of('Webhook', 'edited'), expected: 'Failed', says: 'hedaers' },
      { what: 'with an unusable Secret', object: of('Webhook', 'short'), expected: 'Failed', says: '16 bytes' },
      { what: 'without its Secret', object: of('Webhook', 'waiting'), expected: 'InProgress', says: 'missing' },
      {
        what: 'under a name that is taken',
        object: of('Webhook', 'taken'),
        expected: 'InProgress',
        says: 'belongs to Webhook/holder',
      },
      { what: 'changed, the change not seen yet', object: changed(before), expected: 'InProgress', says: 'Waiting' },
    ]
    env.setFullDisk(true)
    await env.put({ 'new.yaml': webhookYaml('new', 'displayName: Other') })
    return [
      ...cases,
      { what: 'waiting for the disk', object: of('Webhook', 'new'), expected: 'InProgress', says: 'to be stored' },
    ]
  } finally {
    await env.close()
  }
}

const FIRST: Readonly<Record<string, string>> = {
  'settings.yaml': apiSettingsYaml('maxPageSize: 7'),
  'new.yaml': webhookYaml('new'),
  'disabled.yaml': webhookYaml('disabled', 'enabled: false'),
  'delivered.yaml': webhookYaml('delivered'),
  'edited.yaml': webhookYaml('edited'),
  'invalid.yaml': webhookYaml('invalid', 'hedaers: []'),
  'short.yaml': webhookYaml('short', 'signature: {secretKeyRef: {name: short, key: secret}}'),
  'waiting.yaml': webhookYaml('waiting', 'signature: {secretKeyRef: {name: missing, key: secret}}'),
  'holder.yaml': webhookYaml('holder', 'displayName: Billing'),
  'taken.yaml': webhookYaml('taken', 'displayName: billing'),
  ...Object.fromEntries(TROUBLE.map((reason) => [`${reason}.yaml`, webhookYaml(reason.toLowerCase())])),
}

/** As an API server shows it between an edit and the operator's next word. */
function changed({ metadata, ...rest }: Standing): Standing {
  return { ...rest, metadata: { ...metadata, generation: metadata.generation + 1 } }
}

function health(status: 'True' | 'False', reason: DeliveringReason): DeliveryHealth {
  return {
    delivering: { status, reason, message: status === 'True' ? 'Deliveries arrive.' : 'HTTP 500' },
    lastSuccessAt: null,
    lastFailureAt: null,
    lastFailure: status === 'True' ? '' : 'HTTP 500',
    consecutiveFailures: status === 'True' ? 0 : 3,
    pending: 0,
    nextAttemptAt: null,
    handledResumeAt: null,
  }
}
