import { fail, ok, type Result } from '../../base/result.ts'
import type { EventName } from '../../resources/vocabulary.ts'
import type { NewEvent } from '../../storage/records.ts'
import type { Expectation, Mutation } from '../../storage/store.ts'
import type { ProjectRecord, TableName } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { apiError, unavailable, type ApiError } from '../errors.ts'
import { asAdministrator } from '../permissions.ts'
import type { Hal } from '../v3/representers/hal.ts'
import { actorJson } from '../v3/representers/json.ts'
import { VANISHED } from './draft.ts'

/** A write as planned from what was read: nothing of it has happened yet. */
export interface WritePlan {
  /** What was read and must still hold. */
  readonly expect: readonly Expectation[]
  /** Empty: there is nothing to change, and no event happens. */
  readonly mutations: readonly Mutation[]
  readonly events?: readonly PlannedEvent[]
  /** Ids and identifiers, old and new, of the projects this changes. */
  readonly projects?: readonly string[]
  /** The full representation of the resource as it will be, or its JSON. */
  render(viewer: Viewer): Hal | string
}

export interface PlannedEvent {
  readonly name: EventName
  readonly key: 'project' | 'work_package' | 'time_entry' | 'activity'
  readonly project: Pick<ProjectRecord, 'id' | 'identifier'>
  /** The event's resource, when it is another than the plan's. */
  readonly render?: (viewer: Viewer) => Hal
}

/** A conflict means that somebody was faster: read again and plan again, so often. */
const TRIES_MAX = 5

/** Writers of one row go one after the other. */
export type RowKey = `${TableName}/${number | string}`

type Plan = () => Promise<Result<WritePlan, ApiError>>

/**
 * Plans and commits until it holds: serialisable, because whatever the plan was built from is expected to be unchanged in
 * the same transaction. The value is the representation as JSON; the event carries the very same text.
 *
 * `row`: the one that is written, for those who know it beforehand. Whoever is sent back because of a row takes turns at that one as
 * well. All take their turns in one order, whichever they need, so nobody ever waits in a circle.
 */
export async function write(
  context: ApiContext,
  viewer: Viewer,
  plan: Plan,
  row?: RowKey,
): Promise<Result<string, ApiError>> {
  const rows = new Set<RowKey>(row === undefined ? [] : [row])
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    const written = await inTurn(context, [...rows].sort(), () => writeOnce(context, viewer, plan))
    if ('ok' in written) {
      if (written.ok || written.error !== VANISHED) return written
      continue
    }
    const { expectation } = written
    if (expectation.kind === 'row') rows.add(`${expectation.table}/${expectation.id}`)
  }
  return fail(apiError('UpdateConflict'))
}

function inTurn<T>(context: ApiContext, [first, ...rest]: readonly RowKey[], work: () => Promise<T>): Promise<T> {
  return first === undefined ? work() : context.turns.take(first, () => inTurn(context, rest, work))
}

/** What no longer held, when the plan was overtaken. */
interface Overtaken {
  readonly expectation: Expectation
}

async function writeOnce(
  context: ApiContext,
  viewer: Viewer,
  plan: Plan,
): Promise<Result<string, ApiError> | Overtaken> {
  if (context.turns.pause) await context.turns.pause
  const planned = await plan()
  if (!planned.ok) return planned
  const shown = jsonOf(planned.value.render(viewer))
  const { expect, mutations, projects } = planned.value
  if (mutations.length === 0) return ok(shown)
  const events = buildEvents(context, viewer, planned.value, shown)
  const committed = await context.store.commit({ expect, mutations, events })
  if (committed.outcome === 'conflict') return committed
  if (committed.outcome === 'unavailable') return unavailableStore(context, committed.reason)
  if (projects) context.onProjectsChanged?.(projects)
  return ok(shown)
}

export function unavailableStore({ log }: ApiContext, reason: string): { ok: false; error: ApiError } {
  log.warn({ reason }, 'a write was refused: the store cannot write')
  return fail(unavailable())
}

/**
 * Receivers get what an administrator sees, whoever wrote (reference §10.11). No webhook wants it: no event is stored, and its body
 * is never built. That is most writes of most installations.
 */
function buildEvents(context: ApiContext, viewer: Viewer, plan: WritePlan, shown: string): NewEvent[] {
  const { events = [] } = plan
  return events.flatMap((event) => {
    const { id, identifier } = event.project
    const matched = context.snapshots.current.routes.match({
      name: event.name,
      projectId: id,
      projectIdentifier: identifier,
    })
    if (matched.length === 0) return []
    return [
      {
        id: `evt_${context.random.uuid().replaceAll('-', '')}`,
        name: event.name,
        projectId: id,
        occurredAt: context.clock.now(),
        body: eventBody(event, resourceOf(event, viewer, plan, shown), actorJson(context.memo, viewer)),
        webhooks: matched.map((webhook) => webhook.name),
      },
    ]
  })
}

/** As an administrator sees it; the text shown to the writer, where that is the same. */
function resourceOf({ render }: PlannedEvent, viewer: Viewer, plan: WritePlan, shown: string): string {
  if (render) return JSON.stringify(render(asAdministrator(viewer)))
  return viewer.admin ? shown : jsonOf(plan.render(asAdministrator(viewer)))
}

function jsonOf(rendered: Hal | string): string {
  return typeof rendered === 'string' ? rendered : JSON.stringify(rendered)
}

function eventBody(event: PlannedEvent, resource: string, actor: string): string {
  return `{"action":${JSON.stringify(event.name)},"${event.key}":${resource},"actor":${actor}}`
}

/** The columns whose values differ. */
export function changedColumns<R extends object>(before: R, after: R): Partial<R> {
  const changes: Partial<R> = {}
  for (const column of Object.keys(after) as (keyof R)[]) {
    if (before[column] !== after[column]) changes[column] = after[column]
  }
  return changes
}
