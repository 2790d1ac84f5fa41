import type { ActivityRecord, PriorityRecord, StatusRecord, TypeRecord } from '../../../storage/tables.ts'
import { dateTime } from './formats.ts'
import { paths, type Hal, type Link } from './hal.ts'

/** The short lists every installation has: types, statuses, priorities, time entry activities. */

export const typeLink = (type: TypeRecord): Link => ({ href: paths.type(type.id), title: type.name })
export const statusLink = (status: StatusRecord): Link => ({ href: paths.status(status.id), title: status.name })
export const priorityLink = (priority: PriorityRecord): Link => ({
  href: paths.priority(priority.id),
  title: priority.name,
})
export const activityLink = (activity: ActivityRecord): Link => ({
  href: paths.activity(activity.id),
  title: activity.name,
})

export function renderType(type: TypeRecord): Hal {
  return {
    _type: 'Type',
    id: type.id,
    name: type.name,
    color: type.color,
    position: type.position,
    isDefault: type.isDefault,
    isMilestone: type.isMilestone,
    createdAt: dateTime(type.createdAt),
    updatedAt: dateTime(type.updatedAt),
    _links: { self: typeLink(type) },
  }
}

export function renderStatus(status: StatusRecord): Hal {
  return {
    _type: 'Status',
    id: status.id,
    name: status.name,
    isClosed: status.isClosed,
    color: status.color,
    isDefault: status.isDefault,
    isReadonly: status.isReadonly,
    excludedFromTotals: status.excludedFromTotals,
    defaultDoneRatio: status.defaultDoneRatio,
    position: status.position,
    _links: { self: statusLink(status) },
  }
}

export function renderPriority(priority: PriorityRecord): Hal {
  return {
    _type: 'Priority',
    id: priority.id,
    name: priority.name,
    position: priority.position,
    color: priority.color,
    isDefault: priority.isDefault,
    isActive: priority.isActive,
    _links: { self: priorityLink(priority) },
  }
}

/** Activities are active everywhere: no project is listed by itself. */
export function renderActivity(activity: ActivityRecord): Hal {
  return {
    _type: 'TimeEntriesActivity',
    id: activity.id,
    name: activity.name,
    position: activity.position,
    default: activity.isDefault,
    _embedded: { projects: [] },
    _links: { self: activityLink(activity), projects: [] },
  }
}
