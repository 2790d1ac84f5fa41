import { fail, ok, type Result } from '../../base/result.ts'
import type { RecordReader } from '../../storage/store.ts'
import type { ProjectRecord, RecordOf, TableName } from '../../storage/tables.ts'
import type { Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { sees } from '../permissions.ts'

/** The id a path or link segment says; undefined if it cannot be one. */
export function parseId(text: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined
}

/** The row a path or link segment leads to. */
export async function readRow<T extends TableName>(
  store: RecordReader,
  table: T,
  text: string,
): Promise<RecordOf<T> | undefined> {
  const id = parseId(text)
  return id === undefined ? undefined : store.get(table, id)
}

export async function findRow<T extends TableName>(
  store: RecordReader,
  table: T,
  text: string,
): Promise<Result<RecordOf<T>, ApiError>> {
  const row = await readRow(store, table, text)
  return row ? ok(row) : fail(apiError('NotFound'))
}

/** A project by id or identifier. */
export async function findProject(store: RecordReader, text: string): Promise<Result<ProjectRecord, ApiError>> {
  if (/^\d+$/.test(text)) return findRow(store, 'projects', text)
  const row = await store.find('projects', 'identifier', text)
  return row ? ok(row) : fail(apiError('NotFound'))
}

/** What is in a project the viewer does not see is not there. */
export async function readVisible<T extends 'workPackages' | 'timeEntries'>(
  store: RecordReader,
  viewer: Viewer,
  table: T,
  text: string,
): Promise<RecordOf<T> | undefined> {
  const row = await readRow(store, table, text)
  return row && sees(viewer, row.projectId) ? row : undefined
}

export async function findVisible<T extends 'workPackages' | 'timeEntries'>(
  store: RecordReader,
  viewer: Viewer,
  table: T,
  text: string,
): Promise<Result<RecordOf<T>, ApiError>> {
  const row = await readVisible(store, viewer, table, text)
  return row ? ok(row) : fail(apiError('NotFound'))
}

/** A project by id or identifier, if the viewer sees it. */
export async function findVisibleProject(
  store: RecordReader,
  viewer: Viewer,
  text: string,
): Promise<Result<ProjectRecord, ApiError>> {
  const found = await findProject(store, text)
  return found.ok && !sees(viewer, found.value.id) ? fail(apiError('NotFound')) : found
}
