import type { ProjectRecord } from '../../storage/tables.ts'
import { dateTime, markdown } from '../v3/representers/formats.ts'
import { paths } from '../v3/representers/hal.ts'
import { boolean, formattable, LONG_TEXT_MAX, text } from './body.ts'
import { NO_ID, type Shape } from './shape.ts'
import { anyProjectStatus, PROJECT, PROJECT_STATUS } from './targets.ts'

/** What a project consists of: see `Shape`. */
export const PROJECT_SHAPE = {
  fields: {
    id: { type: 'Integer', name: 'ID', fixed: true, show: ({ id }) => id },
    identifier: {
      ...{ type: 'String', name: 'Identifier', required: true, hasDefault: true, minLength: 1, maxLength: 100 },
      ...{ read: text, column: 'identifier' },
      show: ({ identifier }) => identifier,
    },
    name: {
      ...{ type: 'String', name: 'Name', required: true, minLength: 1, maxLength: 255 },
      ...{ read: text, column: 'name' },
      show: ({ name }) => name,
    },
    active: {
      ...{ type: 'Boolean', name: 'Active', required: true, hasDefault: true },
      ...{ read: boolean, column: 'active' },
      show: ({ active }) => active,
    },
    public: {
      ...{ type: 'Boolean', name: 'Public', required: true, hasDefault: true },
      ...{ read: boolean, column: 'public' },
      show: (record) => record.public,
    },
    favorited: { type: 'Boolean', name: 'Favorited' },
    description: {
      ...{ type: 'Formattable', name: 'Description', maxLength: LONG_TEXT_MAX },
      ...{ read: formattable, column: 'description' },
      show: ({ description }) => markdown(description),
    },
    statusExplanation: {
      ...{
        type: 'Formattable',
        name: 'Status description',
        maxLength: LONG_TEXT_MAX,
        read: formattable,
        column: 'statusExplanation',
      },
      show: ({ statusExplanation }) => markdown(statusExplanation),
    },
    createdAt: { type: 'DateTime', name: 'Created on', fixed: true, show: ({ createdAt }) => dateTime(createdAt) },
    updatedAt: { type: 'DateTime', name: 'Updated on' },
  },
  links: {
    parent: {
      ...{ type: 'Project', name: 'Subproject of', target: PROJECT, column: 'parentId' },
      allowed: {
        href: ({ id }) => `${paths.projects}/available_parent_projects${id === NO_ID ? '' : `?of=${id}`}`,
      },
    },
    status: {
      ...{ type: 'ProjectStatus', name: 'Status', target: PROJECT_STATUS, column: 'statusCode' },
      ...{ missing: 'Status is not set to one of the allowed values.', allowed: anyProjectStatus },
    },
  },
} as const satisfies Shape<ProjectRecord>
