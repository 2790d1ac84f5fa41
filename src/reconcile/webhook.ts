import { EMBEDDED_EVENTS, type EventName } from '../resources/vocabulary.ts'
import { effectiveWebhook, type WebhookSpec } from '../resources/webhook.ts'
import type { ProgrammedWebhook } from '../routing/snapshot.ts'
import { fails, holds, ready, unknown, type Finding } from '../status/conditions.ts'
import type { DeliveryHealth } from '../status/status.ts'
import { resolveCredentials, type ReadSecret } from './credentials.ts'
import {
  acceptanceFindings,
  chooseInForce,
  stalledFindings,
  switched,
  type Desired,
  type InForce,
  type Rejection,
} from './desired.ts'

export interface WebhookInputs {
  readonly read: ReadSecret
  readonly health: DeliveryHealth | undefined
  readonly resumeAt: string | undefined
  readonly uid: string | undefined
}

export interface WebhookOutcome {
  readonly inForce: InForce<WebhookSpec>
  readonly programmed: ProgrammedWebhook | undefined
  readonly findings: readonly Finding[]
  /** Scheme and host of the receiver; `(secret)` when the URL is. */
  readonly endpoint: string | undefined
}

/** Decides what a Webhook runs and what is to be said of it. */
export function reconcileWebhook(name: string, desired: Desired<WebhookSpec>, inputs: WebhookInputs): WebhookOutcome {
  const inForce = chooseInForce(desired)
  const programmed = program(name, inForce, inputs)
  const { accepted, programmed: programmedFinding } = acceptanceFindings(desired, inForce)
  const judged = [accepted, refsFinding(desired, programmed), programmedFinding]
  return {
    inForce,
    programmed,
    findings: [
      ...judged,
      ready(judged, desired.generation),
      deliveringFinding(programmed, inputs.health, desired.generation),
      ...stalledFindings(judged, desired.generation),
    ],
    endpoint: programmed && describeEndpoint(programmed),
  }
}

/** Events no backend here sends are a valid spec that cannot be served: saying so beats a webhook that never fires. */
export function rejectUnsupported(spec: WebhookSpec): Rejection | undefined {
  const missing = spec.events.filter((event: EventName) => !EMBEDDED_EVENTS.includes(event))
  if (missing.length === 0) return undefined
  return {
    reason: 'UnsupportedValue',
    message: `The embedded backend does not send ${missing.join(', ')}; it sends ${EMBEDDED_EVENTS.join(', ')}.`,
  }
}

function program(
  name: string,
  { good, switchedOff }: InForce<WebhookSpec>,
  inputs: WebhookInputs,
): ProgrammedWebhook | undefined {
  if (!good) return undefined
  const spec = effectiveWebhook(name, switched(good.spec, switchedOff))
  const credentials = resolveCredentials(spec, inputs.read)
  return {
    name,
    generation: good.generation,
    spec,
    credentials: credentials.ok ? credentials.value : undefined,
    hold: credentials.ok ? undefined : credentials.error,
    resumeAt: inputs.resumeAt,
    uid: inputs.uid,
  }
}

/** Speaks of the spec in force: that is what deliveries need the Secrets of. */
function refsFinding(desired: Desired<WebhookSpec>, programmed: ProgrammedWebhook | undefined): Finding {
  if (!programmed)
    return unknown(
      'ResolvedRefs',
      desired.generation,
      'Pending',
      'No spec was accepted whose Secrets could be looked up.',
    )
  const { hold, generation } = programmed
  if (!hold) return holds('ResolvedRefs', generation, 'Every Secret was found and is usable.')
  return fails('ResolvedRefs', generation, hold.reason, `${hold.message} Deliveries wait.`)
}

function deliveringFinding(
  programmed: ProgrammedWebhook | undefined,
  health: DeliveryHealth | undefined,
  generation: number,
): Finding {
  if (!programmed) return unknown('Delivering', generation, 'NoDeliveries', 'Nothing is in force.')
  if (!programmed.spec.enabled)
    return unknown('Delivering', programmed.generation, 'Disabled', 'The webhook is disabled.')
  if (!health) return unknown('Delivering', programmed.generation, 'NoDeliveries', 'Nothing was delivered yet.')
  const { status, reason, message } = health.delivering
  return { type: 'Delivering', status, reason, message, observedGeneration: programmed.generation }
}

function describeEndpoint(webhook: ProgrammedWebhook): string {
  if (webhook.spec.urlFrom) return '(secret)'
  const url = URL.parse(webhook.spec.url ?? '')
  return url ? `${url.protocol}//${url.host}` : ''
}

/** Whether two programmed webhooks behave alike, so that the older object can stay and whoever caches by it keeps its cache. */
export function sameProgrammed(a: ProgrammedWebhook, b: ProgrammedWebhook): boolean {
  if (a.generation !== b.generation || a.uid !== b.uid || a.resumeAt !== b.resumeAt) return false
  return fingerprint(a) === fingerprint(b)
}

function fingerprint(webhook: ProgrammedWebhook): string {
  const { spec, hold, credentials } = webhook
  const secrets = credentials && [
    credentials.url,
    credentials.ca,
    credentials.signing.map((secret) => secret.reveal()),
    credentials.headers.map((header) => [header.name, header.value]),
  ]
  return JSON.stringify([spec, hold, secrets])
}
