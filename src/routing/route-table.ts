import type { EventName } from '../resources/vocabulary.ts'
import type { ProgrammedWebhook } from './snapshot.ts'

/** What an event is about, as far as routing cares. */
export interface EventSubject {
  readonly name: EventName
  readonly projectId: number
  readonly projectIdentifier: string
}

interface EventRoutes {
  readonly everyProject: ProgrammedWebhook[]
  /** Keyed by project identifier or id, as written in `spec.projects`. */
  readonly byProject: Map<string, ProgrammedWebhook[]>
}

/** Compiled webhooks: the cost of a match depends on the number of matches, not on the number of webhooks. */
export interface RouteTable {
  /** The enabled webhooks this event makes a delivery for, each once. */
  match(subject: EventSubject): readonly ProgrammedWebhook[]
}

const NOTHING: readonly ProgrammedWebhook[] = []

export function compileRoutes(webhooks: Iterable<ProgrammedWebhook>): RouteTable {
  const routes = new Map<EventName, EventRoutes>()
  for (const webhook of webhooks) {
    if (!webhook.spec.enabled) continue
    for (const event of webhook.spec.events) addRoute(routes, event, webhook)
  }
  return { match: (subject) => match(routes.get(subject.name), subject) }
}

function addRoute(routes: Map<EventName, EventRoutes>, event: EventName, webhook: ProgrammedWebhook): void {
  let entry = routes.get(event)
  if (!entry) routes.set(event, (entry = { everyProject: [], byProject: new Map() }))
  if (webhook.spec.projects === undefined) {
    entry.everyProject.push(webhook)
    return
  }
  for (const project of webhook.spec.projects) {
    const selected = entry.byProject.get(project)
    if (selected) selected.push(webhook)
    else entry.byProject.set(project, [webhook])
  }
}

function match(entry: EventRoutes | undefined, subject: EventSubject): readonly ProgrammedWebhook[] {
  if (!entry) return NOTHING
  const byId = entry.byProject.get(String(subject.projectId)) ?? NOTHING
  const byIdentifier = entry.byProject.get(subject.projectIdentifier) ?? NOTHING
  if (byId.length === 0 && byIdentifier.length === 0) return entry.everyProject
  // A webhook may list a project by id and by identifier: it still gets one delivery.
  return [...new Set([...entry.everyProject, ...byId, ...byIdentifier])]
}
