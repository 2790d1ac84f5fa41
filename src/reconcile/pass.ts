import { toError } from '../base/errors.ts'
import { canonicalHash, switchedOff } from '../resources/canonical.ts'
import type { Document, ResourceKey } from '../resources/resource.ts'
import type { Source } from '../resources/source.ts'
import { RESUME_ANNOTATION } from '../resources/vocabulary.ts'
import { effectiveWebhook, type WebhookSpec } from '../resources/webhook.ts'
import { mergeConditions, type Finding } from '../status/conditions.ts'
import type { DeliveryHealth, ResourceStatus } from '../status/status.ts'
import type { ResourceRecord } from '../storage/records.ts'
import { reconcileApiSettings } from './api-settings.ts'
import type { ReadSecret } from './credentials.ts'
import type { Desired, Good, InForce, Rejection } from './desired.ts'
import { heldName, lastGoodApiSettings, lastGoodWebhook, showDelivery, splitKey, type Entry } from './entry.ts'
import { foldName, resolveNames, type NameClaim } from './names.ts'
import { reconcileWebhook, rejectUnsupported, sameProgrammed } from './webhook.ts'

/** What a pass reads. Nothing of it changes while the pass runs. */
export interface PassInputs {
  readonly source: Pick<Source, 'get' | 'silent'>
  readonly entries: ReadonlyMap<ResourceKey, Entry>
  /** Folded display name -> the webhook whose spec in force has it. */
  readonly names: ReadonlyMap<string, ResourceKey>
  readonly read: ReadSecret
  readonly health: (webhook: string) => DeliveryHealth | undefined
  /** Whether an entry of a project selection (identifier or id) matches a project now. */
  readonly projectExists: (entry: string) => Promise<boolean>
  readonly now: number
  /** Called for a resource that could not be judged because of a bug; it is left as it was. */
  readonly onBug: (key: ResourceKey, error: Error) => void
}

/** What a pass makes of its keys. Nothing is applied yet. */
export interface PassResult {
  readonly entries: readonly Entry[]
  readonly removed: readonly ResourceKey[]
}

/** One resource as the pass finds it: its document, or what is remembered of it while its origin is silent. */
interface Subject {
  readonly key: ResourceKey
  readonly known: Entry | undefined
  readonly document: Document | undefined
  readonly generation: number
  readonly specHash: string
}

/** Judges every given key against the rest of the environment. Works the same for a new, changed, unchanged or restored resource. */
export async function runPass(keys: Iterable<ResourceKey>, given: PassInputs): Promise<PassResult> {
  const { subjects, removed } = sortOut(keys, given)
  const inputs = { ...given, projectExists: remembering(given.projectExists) }
  const losers = contestNames(subjects, removed, inputs)
  const entries: Entry[] = []
  for (const subject of subjects) {
    try {
      entries.push(await judge(subject, losers.get(subject.key), inputs))
    } catch (thrown) {
      // A bug met by one resource must not keep the others from being applied; it stays as it was.
      inputs.onBug(subject.key, toError(thrown))
    }
  }
  return { entries, removed }
}

function judge(subject: Subject, nameHolder: ResourceKey | undefined, inputs: PassInputs): Promise<Entry> | Entry {
  return splitKey(subject.key).kind === 'Webhook'
    ? webhookEntry(subject, nameHolder, inputs)
    : apiSettingsEntry(subject, inputs)
}

async function unmatchedProjects(selection: readonly string[], exists: PassInputs['projectExists']): Promise<string[]> {
  const unmatched: string[] = []
  for (const entry of selection) if (!(await exists(entry))) unmatched.push(entry)
  return unmatched
}

/** Asks about each project once, however many webhooks select it. */
function remembering(exists: PassInputs['projectExists']): PassInputs['projectExists'] {
  const known = new Map<string, Promise<boolean>>()
  return (entry) => {
    const answer = known.get(entry) ?? exists(entry)
    known.set(entry, answer)
    return answer
  }
}

function sortOut(keys: Iterable<ResourceKey>, inputs: PassInputs): { subjects: Subject[]; removed: ResourceKey[] } {
  const subjects: Subject[] = []
  const removed: ResourceKey[] = []
  for (const key of keys) {
    const document = inputs.source.get(key)
    const known = inputs.entries.get(key)
    if (document) subjects.push(observe(key, document, known))
    else if (known && inputs.source.silent(known.record.origin)) {
      subjects.push({
        key,
        known,
        document: undefined,
        generation: known.record.generation,
        specHash: known.record.specHash,
      })
    } else if (known) removed.push(key)
  }
  return { subjects, removed }
}

/** In file mode nobody counts generations for us: they start at 1 and rise when the canonical spec changes. */
function observe(key: ResourceKey, document: Document, known: Entry | undefined): Subject {
  if (known && known.document === document) {
    return { key, known, document, generation: known.record.generation, specHash: known.record.specHash }
  }
  const specHash = canonicalHash(document.rawSpec)
  const counted = known === undefined ? 1 : known.record.generation + (known.record.specHash === specHash ? 0 : 1)
  return { key, known, document, generation: document.metadata.generation ?? counted, specHash }
}

function contestNames(
  subjects: readonly Subject[],
  removed: readonly ResourceKey[],
  inputs: PassInputs,
): ReadonlyMap<ResourceKey, ResourceKey> {
  const claims = subjects.flatMap((subject) => claimOf(subject))
  const inPass = new Set<ResourceKey>([...claims.map((claim) => claim.key), ...removed])
  return resolveNames(claims, (folded) => {
    const holder = inputs.names.get(folded)
    return holder !== undefined && !inPass.has(holder) ? holder : undefined
  })
}

function claimOf({ key, known, document }: Subject): NameClaim[] {
  if (document?.kind !== 'Webhook' || !document.spec || rejectUnsupported(document.spec)) return []
  const wanted = effectiveWebhook(document.metadata.name, document.spec).displayName
  return [
    {
      key,
      held: known && heldName(known),
      wanted,
      since: document.metadata.creationTimestamp,
      tiebreak: document.metadata.creationTimestamp === undefined ? document.origin.file : document.metadata.name,
    },
  ]
}

function apiSettingsEntry(subject: Subject, inputs: PassInputs): Entry {
  const lastGood = lastGoodApiSettings(subject.known)
  const spec = subject.document?.kind === 'ApiSettings' ? subject.document.spec : undefined
  const desired = desire(subject, spec, invalid(subject.document), lastGood)
  const { inForce, findings } = reconcileApiSettings(desired)
  return assemble(subject, inForce, findings, {}, inputs.now)
}

async function webhookEntry(subject: Subject, nameHolder: ResourceKey | undefined, inputs: PassInputs): Promise<Entry> {
  const { name } = splitKey(subject.key)
  const lastGood = lastGoodWebhook(subject.known)
  const spec = subject.document?.kind === 'Webhook' ? subject.document.spec : undefined
  const rejection =
    invalid(subject.document) ?? (spec && (rejectUnsupported(spec) ?? rejectName(name, spec, nameHolder)))
  const health = inputs.health(name)
  const resumeAt = subject.document?.metadata.annotations[RESUME_ANNOTATION] ?? subject.known?.programmed?.resumeAt
  const outcome = reconcileWebhook(name, desire(subject, spec, rejection, lastGood), {
    read: inputs.read,
    health,
    resumeAt,
  })
  const unmatched = await unmatchedProjects(outcome.programmed?.spec.projects ?? [], inputs.projectExists)
  const entry = assemble(
    subject,
    outcome.inForce,
    outcome.findings,
    webhookStatus(outcome.endpoint, unmatched, { health, resumeAt }),
    inputs.now,
  )
  const before = subject.known?.programmed
  const programmed =
    before && outcome.programmed && sameProgrammed(before, outcome.programmed) ? before : outcome.programmed
  const lostName = nameHolder && spec ? foldName(effectiveWebhook(name, spec).displayName) : undefined
  return { ...entry, programmed, lostName }
}

/** Without a document, what was in force stays desired; whether it was the newest is told by the generations. */
function desire<S>(
  subject: Subject,
  spec: S | undefined,
  rejection: Rejection | undefined,
  lastGood: Good<S> | undefined,
): Desired<S> {
  const { generation, document } = subject
  if (document)
    return {
      generation,
      spec: rejection ? undefined : spec,
      rejection,
      switchedOff: switchedOff(document.rawSpec),
      lastGood,
    }
  const current = lastGood !== undefined && lastGood.generation === generation
  return {
    generation,
    spec: current ? lastGood.spec : undefined,
    rejection: current ? undefined : rememberedRejection(subject),
    switchedOff: subject.known?.record.switchedOff ?? false,
    lastGood,
  }
}

const REJECTIONS: readonly string[] = [
  'InvalidSpec',
  'NameConflict',
  'UnsupportedValue',
] satisfies Rejection['reason'][]

function rememberedRejection(subject: Subject): Rejection {
  const accepted = subject.known?.status.conditions.find((condition) => condition.type === 'Accepted')
  const known = accepted !== undefined && REJECTIONS.includes(accepted.reason)
  return {
    reason: known ? (accepted.reason as Rejection['reason']) : 'InvalidSpec',
    message: accepted?.message ?? 'The spec was not valid when it was last seen.',
  }
}

/** Every problem, with its place: a file is named once, a cluster has none to name. */
function invalid(document: Document | undefined): Rejection | undefined {
  if (!document || document.problems.length === 0) return undefined
  const inFile = document.metadata.generation === undefined
  const told = document.problems.map(({ file, line, column, path, message, hint }, index) => {
    const place = !inFile ? '' : index === 0 ? `${file}:${line}:${column}: ` : `${line}:${column}: `
    return `${place}${path ? `${path}: ` : ''}${message}${hint ? ` (${hint})` : ''}`
  })
  return { reason: 'InvalidSpec', message: told.join('; ') }
}

function rejectName(name: string, spec: WebhookSpec, holder: ResourceKey | undefined): Rejection | undefined {
  if (!holder) return undefined
  const { displayName } = effectiveWebhook(name, spec)
  return {
    reason: 'NameConflict',
    message: `The display name ${JSON.stringify(displayName)} belongs to ${holder}; choose another.`,
  }
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
  const record: ResourceRecord = {
    key,
    origin: document?.origin.file ?? known?.record.origin ?? '',
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
