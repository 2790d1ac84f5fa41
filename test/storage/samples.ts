import type {
  AttemptRecord,
  DeliveryUpdate,
  EndpointRecord,
  NewEvent,
  PendingDelivery,
} from '../../src/storage/records.ts'
import type { Mutation, Store, WriteSet } from '../../src/storage/store.ts'
import type { StatusRecord, TimeEntryRecord, WorkPackageRecord } from '../../src/storage/tables.ts'

/** 2026-03-01T12:00:00Z */
export const NOON = 1_772_366_400_000

export function writeSet(parts: Partial<WriteSet>): WriteSet {
  return { expect: [], mutations: [], events: [], ...parts }
}

export function newEvent(parts: Partial<NewEvent> = {}): NewEvent {
  return {
    id: 'evt_1',
    name: 'time_entry:created',
    projectId: 7,
    occurredAt: NOON,
    body: '{"action":"time_entry:created","text":"Grüße 👋"}',
    webhooks: ['billing'],
    ...parts,
  }
}

export function newStatus(id: number, parts: Partial<StatusRecord> = {}): StatusRecord {
  return {
    id,
    name: `Status ${id}`,
    color: '#1A67A3',
    position: id,
    isDefault: false,
    isClosed: false,
    isReadonly: true,
    excludedFromTotals: false,
    defaultDoneRatio: 0,
    ...parts,
  }
}

export function newWorkPackage(id: number, parts: Partial<WorkPackageRecord> = {}): WorkPackageRecord {
  return {
    id,
    projectId: 1,
    typeId: 1,
    statusId: 1,
    priorityId: 1,
    authorId: 1,
    assigneeId: null,
    responsibleId: null,
    parentId: null,
    subject: `Work ${id}`,
    description: '',
    startDate: null,
    dueDate: null,
    estimatedMinutes: null,
    remainingMinutes: null,
    percentageDone: null,
    spentMinutes: 0,
    scheduleManually: false,
    ignoreNonWorkingDays: false,
    lockVersion: 0,
    revision: 1,
    createdAt: NOON,
    updatedAt: NOON,
    ...parts,
  }
}

export function newTimeEntry(id: number, parts: Partial<TimeEntryRecord> = {}): TimeEntryRecord {
  return {
    id,
    ...{ projectId: 1, workPackageId: 1, userId: 1, activityId: null },
    ...{ comment: '', spentOn: '2026-03-01', minutes: 60, ongoing: false, revision: 0 },
    ...{ createdAt: NOON, updatedAt: NOON },
    ...parts,
  }
}

export function insertUser(id: number, login: string): Mutation {
  const person = {
    firstName: 'Ada',
    lastName: 'Byron',
    email: `${login}@example.com`,
    language: 'en',
    status: 'active',
  }
  return {
    op: 'insert',
    table: 'users',
    row: { id, login, ...person, admin: id === 1, createdAt: NOON, updatedAt: NOON },
  }
}

/** A delivery as it is handed over, due at noon. */
export function pendingOf(seq: number, parts: Partial<PendingDelivery> = {}): PendingDelivery {
  const { id: eventId, name: eventName, projectId, occurredAt, body } = newEvent({ id: `evt_${seq}` })
  const rest = { webhook: 'billing', state: 'pending', attempts: 0, lastFailure: '', finishedAt: null } as const
  return { seq, eventSeq: seq, eventId, eventName, projectId, occurredAt, body, nextAttemptAt: NOON, ...rest, ...parts }
}

export function attemptOf(deliverySeq: number, parts: Partial<AttemptRecord> = {}): AttemptRecord {
  const sent = { attempt: 1, startedAt: NOON + 5, durationMs: 12.5, outcome: 'success', statusCode: 200 } as const
  return { deliverySeq, ...sent, message: '', responseBody: 'ok', ...parts }
}

export function delivered(seq: number, parts: Partial<DeliveryUpdate> = {}): DeliveryUpdate {
  const end = { state: 'delivered', attempts: 1, nextAttemptAt: NOON, lastFailure: '', finishedAt: NOON + 20 } as const
  return { seq, ...end, ...parts }
}

export function rescheduled(seq: number, nextAttemptAt: number): DeliveryUpdate {
  return { seq, state: 'pending', attempts: 1, nextAttemptAt, lastFailure: 'http 500', finishedAt: null }
}

export function endpointOf(webhook: string, parts: Partial<EndpointRecord> = {}): EndpointRecord {
  return {
    webhook,
    circuit: 'closed',
    probeAt: null,
    opened: 0,
    consecutiveFailures: 0,
    firstFailureAt: null,
    lastSuccessAt: NOON,
    lastFailureAt: null,
    lastFailure: '',
    gone: null,
    blocked: null,
    notBefore: null,
    handledResumeAt: null,
    parkedAt: null,
    ...parts,
  }
}

/** Deliveries a test names by their place; one that is not there is undefined, and compares as such. */
type Named<T> = [T, T, T, T, T, ...T[]]

/** Commits the events one by one; their deliveries as they were handed over. */
export async function commitEvents(store: Store, handed: PendingDelivery[], events: readonly Partial<NewEvent>[]) {
  const before = handed.length
  for (const [i, parts] of events.entries()) {
    const result = await store.commit(writeSet({ events: [newEvent({ id: `evt_${before + i}`, ...parts })] }))
    if (result.outcome !== 'committed') throw new Error(`not committed: ${result.outcome}`)
  }
  return handed.slice(before) as Named<PendingDelivery>
}

export function seqsOf(deliveries: readonly { seq: number }[]): Named<number> {
  return deliveries.map(({ seq }) => seq) as Named<number>
}
