import type { TimeEntryRecord } from '../../storage/tables.ts'
import { ACTIVITIES } from '../v3/catalogue.ts'
import { dateTime, optionalDuration, plain } from '../v3/representers/formats.ts'
import { paths } from '../v3/representers/hal.ts'
import { boolean, formattable, minutes, requiredDate } from './body.ts'
import type { Shape } from './shape.ts'
import { anyOf, catalogueTarget, PROJECT, USER, WORK_PACKAGE } from './targets.ts'

/** What a time entry consists of: see `Shape`. Its project follows from the work package, whose older name is `workPackage`. */
export const TIME_ENTRY_SHAPE = {
  fields: {
    id: { type: 'Integer', name: 'ID', fixed: true, show: ({ id }) => id },
    ongoing: {
      ...{ type: 'Boolean', name: 'Ongoing', hasDefault: true },
      ...{ read: boolean, column: 'ongoing' },
      show: ({ ongoing }) => ongoing,
    },
    comment: {
      ...{ type: 'Formattable', name: 'Comment', maxLength: 1000 },
      ...{ read: formattable, column: 'comment' },
      show: ({ comment }) => plain(comment),
    },
    spentOn: {
      ...{ type: 'Date', name: 'Date', required: true },
      ...{ read: requiredDate, column: 'spentOn' },
      show: ({ spentOn }) => (spentOn === '' ? null : spentOn),
    },
    hours: {
      ...{ type: 'Duration', name: 'Hours', read: minutes, column: 'minutes' },
      show: (record) => optionalDuration(record.minutes),
    },
    createdAt: { type: 'DateTime', name: 'Created on', fixed: true, show: ({ createdAt }) => dateTime(createdAt) },
    updatedAt: { type: 'DateTime', name: 'Updated on' },
  },
  links: {
    project: { type: 'Project', name: 'Project', target: PROJECT, role: 'consequence' },
    entity: {
      ...{ type: 'WorkPackage', name: 'Logged for', required: true, target: WORK_PACKAGE, column: 'workPackageId' },
      allowed: { href: () => paths.workPackages },
    },
    workPackage: { type: 'WorkPackage', name: 'Logged for', target: WORK_PACKAGE, role: 'alias' },
    user: {
      ...{ type: 'User', name: 'User', required: true, hasDefault: true, target: USER, column: 'userId' },
      allowed: { href: () => paths.principals },
    },
    activity: {
      ...{ type: 'TimeEntriesActivity', name: 'Activity', target: catalogueTarget(ACTIVITIES), column: 'activityId' },
      ...{ missing: 'Activity is not set to one of the allowed values.', allowed: anyOf(ACTIVITIES) },
    },
  },
} as const satisfies Shape<TimeEntryRecord>
