/**
 * The API's tables, described once: the record types, the SQL schema and the statements of every store derive from it.
 * Times are milliseconds since the Unix epoch; dates are `YYYY-MM-DD`; durations are whole minutes.
 */
type ColumnType = 'integer' | 'text' | 'boolean'

interface Column<T extends ColumnType = ColumnType, N extends boolean = boolean> {
  readonly type: T
  readonly nullable: N
  /** No two rows share the value, compared without case for text; any number may have none. */
  readonly unique?: boolean
  /** Rows are looked up or filtered by it. */
  readonly indexed?: boolean
}

const integer = { type: 'integer', nullable: false } as const
const text = { type: 'text', nullable: false } as const
const boolean = { type: 'boolean', nullable: false } as const
const optionalInteger = { type: 'integer', nullable: true } as const
const optionalText = { type: 'text', nullable: true } as const

const indexed = <C extends Column>(column: C) => ({ ...column, indexed: true }) as const
const unique = <C extends Column>(column: C) => ({ ...column, unique: true }) as const

export const TABLES = {
  users: {
    id: integer,
    login: unique(text),
    firstName: text,
    lastName: text,
    /** Null once the user is deleted: nobody is kept from an address by somebody who is gone. */
    email: unique(optionalText),
    admin: boolean,
    /** active | registered | locked | invited | deleted: a deleted user's row stays, without the person, for what it wrote. */
    status: text,
    language: text,
    createdAt: integer,
    updatedAt: integer,
  },
  tokens: {
    id: integer,
    userId: indexed(integer),
    name: text,
    /** Hex SHA-256 of the token's text; the text itself (256 random bits) is stored nowhere. */
    hash: unique(text),
    createdAt: integer,
  },
  /** Programs that act for users by OAuth 2.0, registered by the administrator. */
  applications: {
    id: integer,
    /** What it calls itself by in requests (`client_id`). */
    clientId: unique(text),
    name: unique(text),
    /** Hex SHA-256 of its secret; null for one that can keep none: it runs in browsers or on its users' machines. */
    secretHash: optionalText,
    /** One a line; where codes may be sent, to the letter. */
    redirectUris: text,
    /** The user it acts as by its own credentials (the client credentials grant), if it may. */
    actsAsId: optionalInteger,
    /** False once it is being deleted: nothing it was given counts any more. */
    active: boolean,
    createdAt: integer,
  },
  /** Authorization codes that were not redeemed yet. */
  oauthCodes: {
    id: integer,
    applicationId: indexed(integer),
    userId: indexed(integer),
    /** Hex SHA-256 of the code. */
    hash: unique(text),
    redirectUri: text,
    /** By the method S256, whatever the client chose: of a plain one the hash is kept. Null without PKCE. */
    codeChallenge: optionalText,
    createdAt: integer,
    /** When it expires, and may be removed. */
    endsAt: indexed(integer),
  },
  /** Access tokens of applications, each with its refresh token where there is one. */
  oauthTokens: {
    id: integer,
    applicationId: indexed(integer),
    userId: indexed(integer),
    /** Hex SHA-256 of the access token. */
    hash: unique(text),
    /** Of the refresh token. */
    refreshHash: unique(optionalText),
    /** The hash of the code that all began with: what is said to have been used twice ends all that came of it. */
    grantHash: indexed(optionalText),
    createdAt: integer,
    expiresAt: integer,
    /** When the row is of no more use and may be removed; null while there is a refresh token. */
    endsAt: indexed(optionalInteger),
  },
  /** What a user may do in a project: a row for each of the two, with the roles in it. */
  memberships: {
    id: integer,
    projectId: indexed(integer),
    userId: indexed(integer),
    /** `projectId/userId`: a user has at most one membership in a project, and it is found by this. */
    pair: unique(text),
    /** The roles: at least one of them. A project admin may do what a member may, whether also a member or not. */
    isMember: boolean,
    isProjectAdmin: boolean,
    createdAt: integer,
    updatedAt: integer,
  },
  types: {
    id: integer,
    name: text,
    color: text,
    position: integer,
    isDefault: boolean,
    isMilestone: boolean,
    createdAt: integer,
    updatedAt: integer,
  },
  statuses: {
    id: integer,
    name: text,
    color: text,
    position: integer,
    isDefault: boolean,
    isClosed: boolean,
    isReadonly: boolean,
    excludedFromTotals: boolean,
    defaultDoneRatio: integer,
  },
  priorities: { id: integer, name: text, color: text, position: integer, isDefault: boolean, isActive: boolean },
  activities: { id: integer, name: text, position: integer, isDefault: boolean, isActive: boolean },
  projects: {
    id: integer,
    identifier: unique(text),
    name: text,
    description: text,
    active: boolean,
    public: boolean,
    statusCode: optionalText,
    statusExplanation: text,
    parentId: indexed(optionalInteger),
    /** Rises with every write; never shown. */
    revision: integer,
    createdAt: integer,
    updatedAt: integer,
  },
  workPackages: {
    id: integer,
    projectId: indexed(integer),
    typeId: integer,
    statusId: indexed(integer),
    priorityId: integer,
    authorId: integer,
    assigneeId: indexed(optionalInteger),
    responsibleId: optionalInteger,
    parentId: indexed(optionalInteger),
    subject: text,
    startDate: optionalText,
    dueDate: optionalText,
    estimatedMinutes: optionalInteger,
    remainingMinutes: optionalInteger,
    percentageDone: optionalInteger,
    /** Sum of the minutes of its time entries; changed by increments only, in the commit that changes an entry. */
    spentMinutes: integer,
    scheduleManually: boolean,
    ignoreNonWorkingDays: boolean,
    /** Rises with every change: shown, and required of writers, as `lockVersion`. */
    lockVersion: integer,
    /** Rises with every journal, comments included: the version of the latest. Never shown. */
    revision: integer,
    createdAt: integer,
    updatedAt: integer,
    /** Last, so that adding up what is below a work package need not read past it. */
    description: text,
  },
  /** What became of a work package, one row a write: what it changed, what was said. Goes with its work package. */
  journals: {
    id: integer,
    workPackageId: indexed(integer),
    userId: integer,
    /** Counts from 1 within the work package, without gaps. */
    version: integer,
    internal: boolean,
    createdAt: integer,
    updatedAt: integer,
    /** JSON: column -> [before, after]; of long texts only whether there was one. */
    changes: text,
    /** The comment; empty when nothing was said. Last, so that counting and filtering need not read past it. */
    notes: text,
  },
  /** Who wants to know of a work package. Goes with its work package, and with its user. */
  watchers: {
    id: integer,
    workPackageId: indexed(integer),
    userId: integer,
    /** `workPackageId/userId`: nobody watches twice. */
    pair: unique(text),
  },
  timeEntries: {
    id: integer,
    projectId: indexed(integer),
    workPackageId: indexed(integer),
    userId: indexed(integer),
    activityId: optionalInteger,
    comment: text,
    spentOn: text,
    minutes: optionalInteger,
    ongoing: boolean,
    revision: integer,
    createdAt: integer,
    updatedAt: integer,
  },
} as const satisfies Record<string, Record<string, Column>>

export type TableName = keyof typeof TABLES

/** Indexes of several columns, or of some rows only; all end with the id, so that a list by id can follow one. */
export const INDEXES = [
  { table: 'workPackages', columns: ['projectId', 'statusId'] },
  /** Running timers: few, and each user's is looked for whenever one is started. */
  { table: 'timeEntries', columns: ['userId'], where: 'ongoing' },
  /** All that somebody watches is read at once, from the index alone. */
  { table: 'watchers', columns: ['userId', 'workPackageId'] },
  /** What a user has allowed an application is bounded. */
  { table: 'oauthTokens', columns: ['applicationId', 'userId'] },
] as const

/**
 * Tables whose rows are counted as they are written, by the values of two columns: the total of a list with conditions on these alone
 * is known without counting.
 */
export const COUNTED = {
  workPackages: ['projectId', 'statusId'],
  timeEntries: ['projectId', 'ongoing'],
} as const satisfies Partial<{ [T in TableName]: readonly [keyof (typeof TABLES)[T], keyof (typeof TABLES)[T]] }>

type ColumnValue<C> =
  C extends Column<infer T, infer N>
    ? (T extends 'integer' ? number : T extends 'text' ? string : boolean) | (N extends true ? null : never)
    : never

/** A row as the program sees it: camelCase, booleans as booleans. */
export type RecordOf<T extends TableName> = {
  -readonly [C in keyof (typeof TABLES)[T]]: ColumnValue<(typeof TABLES)[T][C]>
}

export type UserRecord = RecordOf<'users'>
export type TokenRecord = RecordOf<'tokens'>
export type ApplicationRecord = RecordOf<'applications'>
export type OAuthCodeRecord = RecordOf<'oauthCodes'>
export type OAuthTokenRecord = RecordOf<'oauthTokens'>
export type MembershipRecord = RecordOf<'memberships'>
export type TypeRecord = RecordOf<'types'>
export type StatusRecord = RecordOf<'statuses'>
export type PriorityRecord = RecordOf<'priorities'>
export type ActivityRecord = RecordOf<'activities'>
export type ProjectRecord = RecordOf<'projects'>
export type WorkPackageRecord = RecordOf<'workPackages'>
export type JournalRecord = RecordOf<'journals'>
export type WatcherRecord = RecordOf<'watchers'>
export type TimeEntryRecord = RecordOf<'timeEntries'>
