import type { ApplicationAdmin } from './admin/applications.ts'
import type { ApiStore } from './api/context.ts'
import {
  createApplication,
  deleteApplication,
  listApplications,
  type ApplicationFailure,
} from './api/oauth/applications.ts'
import type { Clock } from './base/clock.ts'
import type { Random } from './base/random.ts'
import { fail, ok } from './base/result.ts'

interface Parts {
  readonly clock: Clock
  readonly random: Random
}

/** The API's applications as the admin listener wants them: with failures in words. */
export function applicationAdmin(store: ApiStore, { clock, random }: Parts): ApplicationAdmin {
  return {
    async create(request) {
      const created = await createApplication(store, clock, random, request)
      if (!created.ok) return fail(problemsOf(created.error))
      return ok({ ...created.value.info, secret: created.value.secret })
    },
    list: () => listApplications(store),
    async delete(clientId) {
      const deleted = await deleteApplication(store, clientId)
      if (deleted.ok) return deleted
      return fail(deleted.error.reason === 'no-such-application' ? undefined : problemsOf(deleted.error).join('\n'))
    },
  }
}

function problemsOf(failure: ApplicationFailure): readonly string[] {
  return failure.reason === 'invalid' ? failure.problems : ['the store cannot write just now: is the disk full?']
}
