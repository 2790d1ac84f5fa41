import type { FastifyInstance } from 'fastify'
import type { ApiContext } from '../context.ts'
import { PER_PAGE_OPTIONS } from './query/page.ts'
import { paths, type Hal } from './representers/hal.ts'
import { renderPreferences } from './representers/user.ts'
import { configurationSchema } from './resource-schemas.ts'
import { route, sendHal } from './route.ts'

/** The one resource of the API that anybody may read: clients size their pages by it before they log in. */
export function configurationRoutes(app: FastifyInstance, context: ApiContext): void {
  const doc = { summary: 'What clients need to know of the server', tag: 'Configuration', access: 'public' } as const
  app.get('/configuration', route({ ...doc, answers: { 200: configurationSchema } }), (_request, reply) =>
    sendHal(reply, 200, renderConfiguration(context)),
  )
}

function renderConfiguration({ snapshots, publicUrl }: ApiContext): Hal {
  return {
    _type: 'Configuration',
    maximumAttachmentFileSize: 0,
    maximumAPIV3PageSize: snapshots.current.api.maxPageSize,
    perPageOptions: PER_PAGE_OPTIONS,
    dateFormat: 'YYYY-MM-DD',
    durationFormat: 'hours_only',
    timeFormat: 'HH:mm',
    userDefaultTimezone: null,
    startOfWeek: 1,
    hoursPerDay: 8,
    daysPerMonth: 20,
    hostName: new URL(publicUrl).host,
    activeFeatureFlags: [],
    availableFeatures: [],
    triallingFeatures: [],
    allowedLinkProtocols: [],
    _embedded: { userPreferences: renderPreferences() },
    _links: { self: { href: paths.configuration }, userPreferences: { href: `${paths.user('me')}/preferences` } },
  }
}
