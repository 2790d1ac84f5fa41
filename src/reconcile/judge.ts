import type { ResourceKey } from '../resources/resource.ts'
import { RESUME_ANNOTATION } from '../resources/vocabulary.ts'
import { effectiveWebhook, type WebhookSpec } from '../resources/webhook.ts'
import { mergeConditions, type Finding } from '../status/conditions.ts'
import type { DeliveryHealth, ResourceStatus } from '../status/status.ts'
import type { ResourceRecord } from '../storage/records.ts'
import { reconcileApiSettings } from './api-settings.ts'
import type { ReadSecret } from './credentials.ts'
import type { InForce, Rejection } from './desired.ts'
import { lastGoodApiSettings, lastGoodWebhook, showDelivery, splitKey, type Entry } from './entry.ts'
import { foldName } from './names.ts'
import { desire, rejectInvalid, type Subject } from './subject.ts'
import { reconcileWebhook, rejectUnsupported, sameProgrammed } from './webhook.ts'

/** What is looked up to judge a resource, besides its document and what is remembered. */
export interface Lookups {
  readonly read: ReadSecret
  readonly health: (webhook: string) => DeliveryHealth | undefined
  /** Whether an entry of a project selection (identifier or id) matches a project now. */
  readonly projectExists: (entry: string) => Promise<boolean>
  readonly now: number
}

/** What becomes of one resource. `nameHolder` is who has the display name it lost, if it did. */
export function judge(subject: Subject, nameHolder: ResourceKey | undefined, lookups: Lookups): Promise<Entry> | Entry {
  return splitKey(subject.key).kind === 'Webhook'
    ? webhookEntry(subject, nameHolder, lookups)
    : apiSettingsEntry(subject, lookups)
}

function apiSettingsEntry(subject: Subject, lookups: Lookups): Entry {
  const lastGood = lastGoodApiSettings(subject.known)
  const spec = subject.document?.kind === 'ApiSettings' ? subject.document.spec : undefined
  const desired = desire(subject, spec, rejectInvalid(subject.document), lastGood)
  const { inForce, findings } = reconcileApiSettings(desired)
  return assemble(subject, inForce, findings, {}, lookups.now)
}

async function webhookEntry(subject: Subject, nameHolder: ResourceKey | undefined, lookups: Lookups): Promise<Entry> {
  const { name } = splitKey(subject.key)
  const lastGood = lastGoodWebhook(subject.known)
  const spec = subject.document?.kind === 'Webhook' ? subject.document.spec : undefined
  const rejection =
    rejectInvalid(subject.document) ?? (spec && (rejectUnsupported(spec) ?? rejectName(name, spec, nameHolder)))
  const health = lookups.health(name)
  const resumeAt = resumeRequest(subject)
  const outcome = reconcileWebhook(name, desire(subject, spec, rejection, lastGood), {
    read: lookups.read,
    health,
    resumeAt,
    uid: uidOf(subject),
  })
  const unmatched = await unmatchedProjects(outcome.programmed?.spec.projects ?? [], lookups.projectExists)
  const entry = assemble(
    subject,
    outcome.inForce,
    outcome.findings,
    webhookStatus(outcome.endpoint, unmatched, { health, resumeAt }),
    lookups.now,
  )
  const before = subject.known?.programmed
  const programmed =
    before && outcome.programmed && sameProgrammed(before, outcome.programmed) ? before : outcome.programmed
  const lostName = nameHolder && spec ? foldName(effectiveWebhook(name, spec).displayName) : undefined
  return { ...entry, programmed, lostName }
}

function rejectName(name: string, spec: WebhookSpec, holder: ResourceKey | undefined): Rejection | undefined {
  if (!holder) return undefined
  const { displayName } = effectiveWebhook(name, spec)
  return {
    reason: 'NameConflict',
    message: `The display name ${JSON.stringify(displayName)} belongs to ${holder}; choose another.`,
  }
}

async function unmatchedProjects(selection: readonly string[], exists: Lookups['projectExists']): Promise<string[]> {
  const unmatched: string[] = []
  for (const entry of selection) if (!(await exists(entry))) unmatched.push(entry)
  return unmatched
}

function uidOf({ document, known }: Subject): string | undefined {
  return document ? document.metadata.uid : known?.record.uid
}

/** While its document is silent a webhook goes on with what it asked last. */
function resumeRequest({ document, known }: Subject): string | undefined {
  if (document) return document.metadata.annotations[RESUME_ANNOTATION]
  return known?.programmed ? known.programmed.resumeAt : known?.status.lastHandledResumeAt
}

function webhookStatus(
  endpoint: string | undefined,
  unmatched: readonly string[],
  { health, resumeAt }: { health: DeliveryHealth | undefined; resumeAt: string | undefined },
): Partial<ResourceStatus> {
  // Where nothing was ever to be delivered there is nothing to resume: asking is enough.
  const handledResumeAt = health ? health.handledResumeAt : resumeAt
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(unmatched.length === 0 ? {} : { unmatchedProjects: unmatched }),
    ...(handledResumeAt ? { lastHandledResumeAt: handledResumeAt } : {}),
    ...(health ? { delivery: showDelivery(health) } : {}),
  }
}

function assemble(
  subject: Subject,
  inForce: InForce<unknown>,
  findings: readonly Finding[],
  extra: Partial<ResourceStatus>,
  now: number,
): Entry {
  const { key, known, document, generation, specHash } = subject
  const status: ResourceStatus = {
    observedGeneration: generation,
    ...(inForce.good ? { programmedGeneration: inForce.good.generation } : {}),
    conditions: mergeConditions(known?.status.conditions ?? [], findings, now),
    ...extra,
  }
  const uid = uidOf(subject)
  const record: ResourceRecord = {
    key,
    origin: document?.origin.file ?? known?.record.origin ?? '',
    ...(uid === undefined ? {} : { uid }),
    generation,
    specHash,
    programmedSpec: inForce.good?.spec ?? null,
    programmedGeneration: inForce.good?.generation ?? null,
    switchedOff: inForce.switchedOff,
    status,
    createdAt: known?.record.createdAt ?? now,
  }
  return { key, record, document, programmed: undefined, status, lostName: undefined }
}
