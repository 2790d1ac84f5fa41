import type { WorkPackageRecord } from '../../storage/tables.ts'
import { PRIORITIES, STATUSES, TYPES } from '../v3/catalogue.ts'
import { dateTime, markdown, optionalDuration } from '../v3/representers/formats.ts'
import { paths } from '../v3/representers/hal.ts'
import { workPackageDuration } from '../v3/representers/work-package.ts'
import { boolean, date, days, formattable, integer, LONG_TEXT_MAX, minutes, text } from './body.ts'
import { NO_ID, type Shape } from './shape.ts'
import { anyOf, catalogueTarget, PROJECT, USER, WORK_PACKAGE } from './targets.ts'

const PEOPLE = {
  href: ({ projectId }: WorkPackageRecord) =>
    projectId === NO_ID ? paths.principals : `${paths.project(projectId)}/available_assignees`,
}
const DETAILS = 'Details'
const ESTIMATES = 'Estimates and progress'

/** What a work package consists of: see `Shape`. Its dates are worked out together (`resolveDates`), so they name no column. */
export const WORK_PACKAGE_SHAPE = {
  fields: {
    lockVersion: {
      ...{ type: 'Integer', name: 'Lock version', required: true, guard: true },
      show: ({ lockVersion }) => lockVersion,
    },
    id: { type: 'Integer', name: 'ID', fixed: true, show: ({ id }) => id },
    displayId: { type: 'String', name: 'Display ID', fixed: true, show: ({ id }) => String(id) },
    subject: {
      ...{ type: 'String', name: 'Subject', required: true, minLength: 1, maxLength: 255 },
      ...{ read: text, column: 'subject' },
      show: ({ subject }) => subject,
    },
    description: {
      ...{ type: 'Formattable', name: 'Description', maxLength: LONG_TEXT_MAX },
      ...{ read: formattable, column: 'description' },
      show: ({ description }) => markdown(description),
    },
    scheduleManually: {
      ...{ type: 'Boolean', name: 'Manual scheduling', hasDefault: true },
      ...{ read: boolean, column: 'scheduleManually' },
      show: ({ scheduleManually }) => scheduleManually,
    },
    ignoreNonWorkingDays: {
      ...{ type: 'Boolean', name: 'Ignore non-working days', hasDefault: true },
      ...{ read: boolean, column: 'ignoreNonWorkingDays' },
      show: (record) => record.ignoreNonWorkingDays,
    },
    date: {
      ...{ type: 'Date', name: 'Date', only: 'milestones', group: DETAILS },
      ...{ read: date },
      show: ({ dueDate }) => dueDate,
    },
    startDate: {
      ...{ type: 'Date', name: 'Start date', only: 'others', group: DETAILS },
      ...{ read: date },
      show: ({ startDate }) => startDate,
    },
    dueDate: {
      ...{ type: 'Date', name: 'Finish date', only: 'others', group: DETAILS },
      ...{ read: date },
      show: ({ dueDate }) => dueDate,
    },
    derivedStartDate: { type: 'Date', name: 'Derived start date', only: 'others' },
    derivedDueDate: { type: 'Date', name: 'Derived finish date', only: 'others' },
    duration: {
      ...{ type: 'Duration', name: 'Duration', only: 'others', group: DETAILS },
      ...{ read: days },
      show: workPackageDuration,
    },
    estimatedTime: {
      ...{ type: 'Duration', name: 'Work', read: minutes, column: 'estimatedMinutes', group: ESTIMATES },
      show: ({ estimatedMinutes }) => optionalDuration(estimatedMinutes),
    },
    derivedEstimatedTime: { type: 'Duration', name: 'Total work' },
    remainingTime: {
      ...{ type: 'Duration', name: 'Remaining work', read: minutes, column: 'remainingMinutes', group: ESTIMATES },
      show: ({ remainingMinutes }) => optionalDuration(remainingMinutes),
    },
    derivedRemainingTime: { type: 'Duration', name: 'Total remaining work' },
    percentageDone: {
      ...{ type: 'Integer', name: '% Complete', read: integer, column: 'percentageDone', group: ESTIMATES },
      show: ({ percentageDone }) => percentageDone,
    },
    derivedPercentageDone: { type: 'Integer', name: 'Total % complete' },
    spentTime: { type: 'Duration', name: 'Spent time', group: ESTIMATES },
    readonly: { type: 'Boolean', name: 'Read only' },
    createdAt: { type: 'DateTime', name: 'Created on', fixed: true, show: ({ createdAt }) => dateTime(createdAt) },
    updatedAt: { type: 'DateTime', name: 'Updated on' },
  },
  links: {
    author: { type: 'User', name: 'Author' },
    project: {
      ...{ type: 'Project', name: 'Project', required: true, target: PROJECT, column: 'projectId' },
      allowed: { href: () => `${paths.workPackages}/available_projects` },
    },
    type: {
      ...{ type: 'Type', name: 'Type', required: true, hasDefault: true },
      ...{ target: catalogueTarget(TYPES), column: 'typeId', allowed: anyOf(TYPES) },
    },
    status: {
      ...{ type: 'Status', name: 'Status', required: true, hasDefault: true },
      ...{ target: catalogueTarget(STATUSES), column: 'statusId', allowed: anyOf(STATUSES) },
    },
    priority: {
      ...{ type: 'Priority', name: 'Priority', required: true, hasDefault: true, group: DETAILS },
      ...{ target: catalogueTarget(PRIORITIES), column: 'priorityId', allowed: anyOf(PRIORITIES) },
    },
    assignee: {
      ...{ type: 'User', name: 'Assignee', target: USER, column: 'assigneeId' },
      ...{ allowed: PEOPLE, group: 'People' },
    },
    responsible: {
      ...{ type: 'User', name: 'Accountable', target: USER, column: 'responsibleId' },
      ...{ allowed: PEOPLE, group: 'People' },
    },
    parent: {
      ...{ type: 'WorkPackage', name: 'Parent', target: WORK_PACKAGE, column: 'parentId' },
      allowed: { href: () => paths.workPackages },
    },
    category: { type: 'Category', name: 'Category' },
    version: { type: 'Version', name: 'Version' },
    budget: { type: 'Budget', name: 'Budget' },
  },
} as const satisfies Shape<WorkPackageRecord>
