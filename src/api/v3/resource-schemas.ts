import { Type, type TSchema } from 'typebox'
import { halSchema } from './route.ts'

/**
 * The representations in the OpenAPI document: what a client may count on finding, and in which form. Objects stay open, as
 * HAL's are; a test asks the API at random and holds every answer against these.
 */

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const dateTime = Type.String({ format: 'date-time', pattern: String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$` })
const date = Type.String({ format: 'date', pattern: String.raw`^\d{4}-\d\d-\d\d$` })
const duration = Type.String({ format: 'duration', pattern: String.raw`^P(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?$` })
const color = Type.String({ pattern: '^#[0-9A-F]{6}$' })
const id = Type.Integer({ minimum: 1 })
const position = Type.Integer({ minimum: 1 })
const times = { createdAt: dateTime, updatedAt: dateTime }
/** The full representations of what some links lead to; lists go without. */
const embedded = Type.Optional(Type.Record(Type.String(), Type.Unknown()))

const formattable = Type.Object(
  { format: Type.String({ enum: ['markdown', 'plain'] }), raw: Type.String(), html: Type.String() },
  { title: 'Formattable' },
)

export const rootSchema = halSchema(
  'Root',
  { instanceName: Type.String(), coreVersion: Type.Optional(Type.String()) },
  ['configuration', 'user', 'workPackages', 'time_entries', 'types', 'statuses', 'priorities'],
)

export const configurationSchema = halSchema('Configuration', {
  maximumAttachmentFileSize: Type.Integer(),
  maximumAPIV3PageSize: Type.Integer({ minimum: 1, maximum: 10_000 }),
  perPageOptions: Type.Array(Type.Integer({ minimum: 1 })),
  dateFormat: Type.String(),
  durationFormat: Type.String(),
  timeFormat: Type.String(),
  hostName: Type.String(),
  hoursPerDay: Type.Integer(),
  daysPerMonth: Type.Integer(),
})

export const projectSchema = halSchema(
  'Project',
  {
    id,
    identifier: Type.String({ minLength: 1, maxLength: 100 }),
    name: Type.String({ minLength: 1, maxLength: 255 }),
    active: Type.Boolean(),
    public: Type.Boolean(),
    favorited: Type.Boolean(),
    description: formattable,
    statusExplanation: formattable,
    ...times,
    _embedded: embedded,
  },
  ['workPackages', 'types', 'versions', 'categories', 'schema', 'status', 'parent', 'ancestors'],
)

export const projectStatusSchema = halSchema('ProjectStatus', { id: Type.String(), name: Type.String() })

const onlyWithDates = {
  startDate: Type.Optional(nullable(date)),
  dueDate: Type.Optional(nullable(date)),
  date: Type.Optional(nullable(date)),
  duration: Type.Optional(nullable(duration)),
  remainingTime: Type.Optional(duration),
}

export const workPackageSchema = halSchema(
  'WorkPackage',
  {
    id,
    displayId: Type.String(),
    lockVersion: Type.Integer({ minimum: 0 }),
    subject: Type.String({ minLength: 1, maxLength: 255 }),
    description: formattable,
    scheduleManually: Type.Boolean(),
    ...onlyWithDates,
    estimatedTime: nullable(duration),
    ignoreNonWorkingDays: Type.Boolean(),
    spentTime: duration,
    percentageDone: nullable(Type.Integer({ minimum: 0, maximum: 100 })),
    readonly: Type.Boolean(),
    ...times,
    _embedded: embedded,
  },
  ['project', 'type', 'status', 'priority', 'author', 'assignee', 'responsible', 'parent', 'children', 'ancestors'],
)

export const timeEntrySchema = halSchema(
  'TimeEntry',
  {
    id,
    ongoing: Type.Boolean(),
    comment: formattable,
    spentOn: date,
    hours: nullable(duration),
    ...times,
    _embedded: embedded,
  },
  ['project', 'entity', 'workPackage', 'user', 'activity', 'schema'],
)

/** Strangers see the name only. */
export const userSchema = halSchema('User', {
  id,
  name: Type.String({ minLength: 1 }),
  avatar: Type.String(),
  login: Type.Optional(Type.String({ minLength: 1 })),
  admin: Type.Optional(Type.Boolean()),
  firstName: Type.Optional(Type.String()),
  lastName: Type.Optional(Type.String()),
  email: Type.Optional(Type.String()),
  status: Type.Optional(Type.String({ enum: ['active', 'registered', 'locked', 'invited', 'deleted'] })),
  identityUrl: Type.Optional(nullable(Type.String())),
  language: Type.Optional(Type.String()),
  createdAt: Type.Optional(dateTime),
  updatedAt: Type.Optional(dateTime),
})

const named = { id, name: Type.String({ minLength: 1 }), position }

export const typeSchema = halSchema('Type', {
  ...named,
  color,
  isDefault: Type.Boolean(),
  isMilestone: Type.Boolean(),
  ...times,
})

export const statusSchema = halSchema('Status', {
  ...named,
  color,
  isClosed: Type.Boolean(),
  isDefault: Type.Boolean(),
  isReadonly: Type.Boolean(),
  excludedFromTotals: Type.Boolean(),
  defaultDoneRatio: nullable(Type.Integer({ minimum: 0, maximum: 100 })),
})

export const prioritySchema = halSchema('Priority', {
  ...named,
  color,
  isDefault: Type.Boolean(),
  isActive: Type.Boolean(),
})

export const activitySchema = halSchema('TimeEntriesActivity', { ...named, default: Type.Boolean() }, ['projects'])
