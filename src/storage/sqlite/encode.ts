import type { DispatchWrite, ResourceRecord } from '../records.ts'
import type { Expectation, Mutation, WriteSet } from '../store.ts'
import type { ResourceKey } from '../../resources/resource.ts'
import { columnOf, tableInfo, toCell } from './columns.ts'
import { codeOfUpdate } from './delivery-state.ts'
import type { Cell, WireSet } from './wire.ts'

type Value = string | number | boolean | null | undefined

/** `firstSeqs[i]` is the seq of the first delivery of `write.events[i]`. */
export function encodeCommit(write: WriteSet, firstSeqs: readonly number[]): WireSet {
  const expectations: Cell[] = []
  const mutations: Cell[] = []
  const events: Cell[] = []
  for (const expectation of write.expect) encodeExpectation(expectations, expectation)
  for (const mutation of write.mutations) encodeMutation(mutations, mutation)
  write.events.forEach((event, i) => {
    const seq = firstSeqs[i] ?? null
    const { id, name, projectId, occurredAt, body, webhooks } = event
    if (webhooks.length > 0) events.push(seq, id, name, projectId, occurredAt, body, webhooks.length, ...webhooks)
  })
  return ['commit', expectations, mutations, events]
}

/** row: table, id, count, columns, values. absent: table, column, value, exceptId. */
function encodeExpectation(into: Cell[], expectation: Expectation): void {
  if (expectation.kind === 'absent') {
    const { table, column, value, exceptId } = expectation
    into.push('absent', table, column, value, exceptId ?? null)
    return
  }
  into.push('row', expectation.table, expectation.id)
  pushChanges(into, expectation.table, expectation.values)
}

/**
 * insert: table, values in the order of TABLES. update: table, id, count, columns, values. increment: table, id, column, by.
 * update all: table, value, count, columns, values, column, raise. delete: table, id.
 */
function encodeMutation(into: Cell[], mutation: Mutation): void {
  into.push(mutation.op, mutation.table)
  if (mutation.op === 'insert') {
    const row = mutation.row as Readonly<Record<string, Value>>
    for (const { name } of tableInfo(mutation.table).columns) into.push(toCell(row[name]))
    return
  }
  if (mutation.op === 'update all') {
    const { table, column, value, changes, raise } = mutation
    into.push(value)
    pushChanges(into, table, changes)
    into.push(columnOf(table, column).name, columnOf(table, raise).name)
    return
  }
  into.push(mutation.id)
  if (mutation.op === 'update') pushChanges(into, mutation.table, mutation.changes)
  if (mutation.op === 'increment') into.push(columnOf(mutation.table, mutation.column).name, mutation.by)
}

function pushChanges(into: Cell[], table: string, changes: Readonly<Record<string, Value>>): void {
  const entries = Object.entries(changes).filter(([, value]) => value !== undefined)
  into.push(entries.length)
  for (const [name] of entries) into.push(columnOf(table, name).name)
  for (const [, value] of entries) into.push(toCell(value))
}

export function encodeDispatch(write: DispatchWrite): WireSet {
  const attempts: Cell[] = []
  const updates: Cell[] = []
  const endpoints: Cell[] = []
  for (const a of write.attempts) {
    attempts.push(a.deliverySeq, a.attempt, a.startedAt, a.durationMs)
    attempts.push(a.outcome, a.statusCode, a.message, a.responseBody)
  }
  for (const d of write.deliveries) {
    updates.push(codeOfUpdate(d.state), d.attempts, d.nextAttemptAt, d.lastFailure, d.finishedAt, d.seq)
  }
  for (const endpoint of write.endpoints) endpoints.push(endpoint.webhook, JSON.stringify(endpoint))
  return ['dispatch', attempts, updates, endpoints, write.forgotten ?? []]
}

export function encodeResources(save: readonly ResourceRecord[], remove: readonly ResourceKey[]): WireSet {
  return ['resources', save.flatMap((record) => [record.key, JSON.stringify(record)]), remove]
}
