import fc from 'fast-check'
import type { LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seeds, tries } from '../../support/effort.ts'
import { tokenRow } from '../../../src/api/tokens.ts'
import { addMember, ADMIN_TOKEN, createTestUser, href, openTestApi, type TestApi } from '../support.ts'
import { operationFor, operationsOf, type ApiDocument, type Operation } from './document.ts'
import { faultFinder } from './faults.ts'
import { learn, type Known } from './known.ts'
import { MEMBER_TOKEN, requestFor, type FuzzRequest } from './requests.ts'

/**
 * Asks the API for everything its own document says it can, rightly and wrongly, and holds each answer against the document.
 * A run is a handful of requests to an API of its own, so that what fails can be made smaller and repeated.
 */
const REQUESTS_PER_RUN = 200
/** For a machine that is busy. */
const RUN_MS = 600_000

async function openSite(): Promise<TestApi> {
  const api = await openTestApi({ api: { maxPageSize: 50 } })
  await api.create('/api/v3/projects', { name: 'Demo', identifier: 'demo', description: { raw: 'Some *text*.' } })
  await api.create('/api/v3/projects', {
    name: 'Part',
    _links: { parent: href('projects/1'), status: href('project_statuses/on_track') },
  })
  await openToMember(api)
  await api.create('/api/v3/projects/1/work_packages', { subject: 'Above' })
  const dates = { startDate: '2026-03-02', dueDate: '2026-03-06', estimatedTime: 'PT8H', remainingTime: 'PT1H' }
  await api.create('/api/v3/projects/1/work_packages', {
    subject: 'Below',
    ...dates,
    _links: { parent: href('work_packages/1'), assignee: href('users/2') },
  })
  await api.create('/api/v3/work_packages/2/activities', { comment: { raw: 'Said' } })
  await api.create('/api/v3/projects/2/work_packages', { subject: 'Milestone', _links: { type: href('types/2') } })
  for (const hours of ['PT1H', 'PT30M'])
    await api.create('/api/v3/time_entries', {
      hours,
      spentOn: '2026-03-03',
      comment: { raw: 'x' },
      _links: { entity: href('work_packages/2'), activity: href('time_entries/activities/3') },
    })
  return api
}

/** Somebody who sees the first project and not the second. */
async function openToMember(api: TestApi): Promise<void> {
  const { id: userId } = await createTestUser(api, 'member')
  await addMember(api, 'demo', userId)
  const row = tokenRow(api.store, api.clock, { userId, name: 'fuzz', token: MEMBER_TOKEN })
  await api.store.commit({ expect: [], mutations: [{ op: 'insert', table: 'tokens', row }], events: [] })
}

const send = ({ app }: TestApi, { method, url, headers, payload }: FuzzRequest): Promise<LightMyRequestResponse> =>
  app.inject({ method: method as 'GET', url, headers: { ...headers }, ...(payload !== undefined && { payload }) })

let site: TestApi
let document: ApiDocument
let operations: Operation[]
let known: Known

beforeAll(async () => {
  site = await openSite()
  document = (await site.call('GET', '/api/v3/spec.json')).json()
  operations = operationsOf(document)
  known = await learn(document, async (path) => {
    const response = await site.call('GET', path)
    return response.body.startsWith('{') ? response.json<unknown>() : undefined
  })
})
afterAll(() => site.close())

/** Deletions seldom: soon there would be nothing left to ask for. Creations often, so that some are all right. */
const WEIGHTS: Readonly<Record<string, number>> = { DELETE: 1, POST: 10 }

const anyRequest = () =>
  fc.oneof(
    ...operations.map((operation) => ({
      arbitrary: requestFor(operation, known),
      weight: WEIGHTS[operation.method] ?? 6,
    })),
  )

describe('whatever links lead to', () => {
  it('is as the document says', async () => {
    const faultsOf = faultFinder(document, operations)
    const urls = [...new Set([...known.hrefs.values()].flat())].filter((url) => operationFor(operations, 'GET', url))
    let found = 0
    for (const url of urls) {
      const request = { method: 'GET', url, headers: { authorization: `Bearer ${ADMIN_TOKEN}` } }
      const response = await send(site, request)
      if (response.statusCode === 200) found += 1
      expect(faultsOf(request, response), url).toEqual([])
    }
    expect(found).toBeGreaterThan(40)
  })
})

describe('any request made from the document', () => {
  it.each(seeds([], 1, 5))('is answered as the document says: seed %i', { timeout: RUN_MS }, async (seed) => {
    const faultsOf = faultFinder(document, operations)
    const answered = new Set<number>()
    const run = async (requests: FuzzRequest[]) => {
      const own = await openSite()
      try {
        for (const request of requests) {
          const response = await send(own, request)
          answered.add(response.statusCode)
          expect(faultsOf(request, response), response.body.slice(0, 2000)).toEqual([])
        }
      } finally {
        await own.close()
      }
    }
    const requests = fc.array(anyRequest(), { minLength: 1, maxLength: REQUESTS_PER_RUN, size: 'max' })
    await fc.assert(fc.asyncProperty(requests, run), { seed, numRuns: tries(5, 100) })
    // Else it would say little: all was refused, or nothing was.
    // A request that creates something must be good in all its parts: of few requests none may be.
    const expected = [200, 400, 401, 403, 404, 422, ...(tries(0, 1) === 1 ? [201] : [])]
    for (const status of expected) expect([...answered]).toContain(status)
  })
})
