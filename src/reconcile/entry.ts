import { API_VERSION } from '../resources/vocabulary.ts'
import { effectiveApiSettings, type ApiSettingsSpec, type EffectiveApiSettings } from '../resources/api-settings.ts'
import type { Document, Kind, ResourceKey } from '../resources/resource.ts'
import { effectiveWebhook, type EffectiveWebhook, type WebhookSpec } from '../resources/webhook.ts'
import type { ProgrammedWebhook } from '../routing/snapshot.ts'
import type { DeliveryHealth, DeliveryStatus, ResourceStatus, ResourceWithStatus } from '../status/status.ts'
import type { ResourceRecord } from '../storage/records.ts'
import { rfc3339Seconds } from '../base/clock.ts'
import { switched, type Good } from './desired.ts'
import { foldName } from './names.ts'

/** All the reconciler knows of one resource: what was stored of it, what it says now, what runs. */
export interface Entry {
  readonly key: ResourceKey
  readonly record: ResourceRecord
  /** undefined while its origin is silent and it is kept from memory */
  readonly document: Document | undefined
  /** Set for a Webhook with a spec in force. */
  readonly programmed: ProgrammedWebhook | undefined
  readonly status: ResourceStatus
  /** The display name it lost to another webhook, folded. */
  readonly lostName: string | undefined
}

export function splitKey(key: ResourceKey): { kind: Kind; name: string } {
  const slash = key.indexOf('/')
  return { kind: key.slice(0, slash) as Kind, name: key.slice(slash + 1) }
}

/** An entry as remembered from an earlier run, before anything was seen of it in this one. */
export function rememberedEntry(record: ResourceRecord): Entry {
  return {
    key: record.key,
    record,
    document: undefined,
    programmed: undefined,
    status: record.status as ResourceStatus,
    lostName: undefined,
  }
}

export function lastGoodWebhook(entry: Entry | undefined): Good<WebhookSpec> | undefined {
  return lastGood(entry) as Good<WebhookSpec> | undefined
}

export function lastGoodApiSettings(entry: Entry | undefined): Good<ApiSettingsSpec> | undefined {
  return lastGood(entry) as Good<ApiSettingsSpec> | undefined
}

function lastGood(entry: Entry | undefined): Good<unknown> | undefined {
  if (!entry || entry.record.programmedGeneration === null) return undefined
  return { spec: entry.record.programmedSpec, generation: entry.record.programmedGeneration }
}

/** What the API runs with by this entry; the defaults where it says nothing. */
export function runningApiSettings(entry: Entry | undefined): EffectiveApiSettings {
  const spec = lastGoodApiSettings(entry)?.spec ?? {}
  return effectiveApiSettings(switched(spec, entry?.record.switchedOff ?? false))
}

/** A webhook's spec in force, as it is remembered. */
export function rememberedSpec(entry: Entry): EffectiveWebhook | undefined {
  const { kind, name } = splitKey(entry.key)
  const good = kind === 'Webhook' ? lastGoodWebhook(entry) : undefined
  return good && effectiveWebhook(name, good.spec)
}

/** The display name the entry's spec in force holds, folded. */
export function heldName(entry: Entry): string | undefined {
  const spec = rememberedSpec(entry)
  return spec && foldName(spec.displayName)
}

/** The resource as shown: what people wrote, and the status with the delivery figures of this moment. */
export function showEntry(entry: Entry, health: DeliveryHealth | undefined): ResourceWithStatus {
  const { kind, name } = splitKey(entry.key)
  const metadata = entry.document?.metadata
  return {
    apiVersion: API_VERSION,
    kind,
    metadata: {
      name,
      generation: entry.record.generation,
      creationTimestamp: rfc3339Seconds(metadata?.creationTimestamp ?? entry.record.createdAt),
      ...(metadata?.uid === undefined ? {} : { uid: metadata.uid }),
      ...(hasKeys(metadata?.labels) ? { labels: metadata.labels } : {}),
      ...(hasKeys(metadata?.annotations) ? { annotations: metadata.annotations } : {}),
    },
    spec: entry.document ? entry.document.rawSpec : entry.record.programmedSpec,
    status: health ? { ...entry.status, delivery: showDelivery(health) } : entry.status,
  }
}

function hasKeys<T extends object>(value: T | undefined): value is T {
  return value !== undefined && Object.keys(value).length > 0
}

export function showDelivery(health: DeliveryHealth): DeliveryStatus {
  return {
    ...(health.lastSuccessAt === null ? {} : { lastSuccessTime: rfc3339Seconds(health.lastSuccessAt) }),
    ...(health.lastFailureAt === null ? {} : { lastFailureTime: rfc3339Seconds(health.lastFailureAt) }),
    ...(health.lastFailure === '' ? {} : { lastFailure: health.lastFailure }),
    consecutiveFailures: health.consecutiveFailures,
    pending: health.pending,
    ...(health.nextAttemptAt === null ? {} : { nextAttemptTime: rfc3339Seconds(health.nextAttemptAt) }),
  }
}
