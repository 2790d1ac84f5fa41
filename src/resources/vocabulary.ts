export const GROUP = 'nepenthes.dev'
export const VERSION = 'v1'
export const API_VERSION = `${GROUP}/${VERSION}`

/** Every event a Webhook may name. Which of them a backend really sends is the backend's to say. */
export const EVENTS = [
  'project:created',
  'project:updated',
  'work_package:created',
  'work_package:updated',
  'time_entry:created',
  'work_package_comment:comment',
  'work_package_comment:internal_comment',
  'attachment:created',
] as const
export type EventName = (typeof EVENTS)[number]

/** What the embedded backend sends. */
export const EMBEDDED_EVENTS: readonly EventName[] = [
  'project:created',
  'project:updated',
  'work_package:created',
  'work_package:updated',
  'time_entry:created',
  'work_package_comment:comment',
  'work_package_comment:internal_comment',
]

export const ORDERINGS = ['None', 'PerProject', 'Strict'] as const
export type Ordering = (typeof ORDERINGS)[number]

/** Asks a stopped endpoint to be tried again: any new value does; echoed in `status.lastHandledResumeAt`. */
export const RESUME_ANNOTATION = `${GROUP}/resumeAt`
