import type { WorkPackageRecord } from '../../../storage/tables.ts'
import { escapeHtml } from './html-text.ts'

/** The changes of a journal as sentences: `Status changed from New to In progress`, the same words as the protocol's servers write. */

export type JournalValue = string | number | boolean | null
export type Changes = Partial<Record<JournaledColumn, readonly [before: JournalValue, after: JournalValue]>>

export interface Detail {
  readonly format: 'custom'
  readonly raw: string
  readonly html: string
}

/** Tables whose rows a change names by their id. */
export type NamedTable = 'types' | 'projects' | 'statuses' | 'priorities' | 'users' | 'workPackages'
export type NameOf = (table: NamedTable, id: number) => string

interface Described {
  readonly label: string
  /** The value is an id of this table. */
  readonly table?: NamedTable
  readonly show?: (value: JournalValue) => string
  /** Sentence without values: what is said of the new one, and whether there was an old one. */
  readonly verb?: (before: JournalValue, after: JournalValue) => string
}

const activation: Described['verb'] = (_before, after) => (after === true ? 'activated' : 'deactivated')
const textChange: Described['verb'] = (before, after) => {
  if (after !== true) return 'deleted'
  return before === true ? 'changed' : 'set'
}

const DESCRIBED = {
  typeId: { label: 'Type', table: 'types' },
  projectId: { label: 'Project', table: 'projects' },
  subject: { label: 'Subject' },
  description: { label: 'Description', verb: textChange },
  startDate: { label: 'Start date' },
  dueDate: { label: 'Finish date' },
  statusId: { label: 'Status', table: 'statuses' },
  assigneeId: { label: 'Assignee', table: 'users' },
  priorityId: { label: 'Priority', table: 'priorities' },
  authorId: { label: 'Author', table: 'users' },
  responsibleId: { label: 'Accountable', table: 'users' },
  parentId: { label: 'Parent', table: 'workPackages' },
  estimatedMinutes: { label: 'Work', show: hours },
  remainingMinutes: { label: 'Remaining work', show: hours },
  percentageDone: { label: '% Complete', show: (value) => `${String(value)}%` },
  scheduleManually: { label: 'Manual scheduling', verb: activation },
  ignoreNonWorkingDays: {
    label: 'Working days',
    show: (value) => (value === true ? 'include non-working days' : 'working days only'),
  },
} as const satisfies Partial<Record<keyof WorkPackageRecord, Described>>

export type JournaledColumn = keyof typeof DESCRIBED
/** In the order they are told. */
export const JOURNALED = Object.keys(DESCRIBED) as readonly JournaledColumn[]

export function renderDetails(changes: Changes, nameOf: NameOf): Detail[] {
  return JOURNALED.flatMap((column) => {
    const values = changes[column]
    return values ? [renderDetail(DESCRIBED[column], values, nameOf)] : []
  })
}

/** The ids a change refers to, by table. */
export function namedIds(changes: Changes): [NamedTable, number][] {
  return JOURNALED.flatMap((column) => {
    const { table }: Described = DESCRIBED[column]
    const values = table ? (changes[column] ?? []) : []
    return values.flatMap((id): [NamedTable, number][] => (table && typeof id === 'number' ? [[table, id]] : []))
  })
}

function renderDetail(
  described: Described,
  [before, after]: readonly [JournalValue, JournalValue],
  nameOf: NameOf,
): Detail {
  const { label, verb } = described
  const strong = `<strong>${escapeHtml(label)}</strong>`
  if (verb) return custom(`${label} ${verb(before, after)}`, `${strong} ${verb(before, after)}`)
  const [old, now] = [shown(described, before, nameOf), shown(described, after, nameOf)]
  const mark = (text: string) => text && `<i>${escapeHtml(text)}</i>`
  const struck = now === '' ? `<strike>${mark(old)}</strike>` : mark(old)
  return custom(sentence(label, old, now, '\n'), sentence(strong, struck, mark(now), '<br/>'))
}

function custom(raw: string, html: string): Detail {
  return { format: 'custom', raw, html }
}

const LONG = 100

function sentence(label: string, old: string, now: string, lineBreak: string): string {
  if (now === '') return `${label} deleted (${old})`
  if (old === '') return `${label} set to ${now}`
  const gap = old.length >= LONG || now.length >= LONG ? lineBreak : ''
  return `${label} changed from ${old} ${gap}to ${now}`
}

function shown({ table, show }: Described, value: JournalValue, nameOf: NameOf): string {
  if (value === null) return ''
  if (table && typeof value === 'number') return nameOf(table, value)
  return show ? show(value) : String(value)
}

/** `1h 30m`; days are not guessed. */
function hours(value: JournalValue): string {
  const minutes = Number(value)
  const parts = [`${Math.floor(minutes / 60)}h`, `${minutes % 60}m`].filter((part) => !part.startsWith('0'))
  return parts.join(' ') || '0h'
}
