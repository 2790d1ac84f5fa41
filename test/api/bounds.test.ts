import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestApi, type TestApi } from './support.ts'

let api: TestApi

beforeAll(async () => {
  api = await openTestApi()
  await api.create('/api/v3/projects', { name: 'Demo', identifier: 'demo' })
})
afterAll(() => api.close())

const get = (path: string, query: Record<string, string> = {}) =>
  api.call('GET', `/api/v3/${path}?${new URLSearchParams(query).toString()}`)
const filters = (count: number, name: string, operator: string, value: string) =>
  JSON.stringify(Array.from({ length: count }, () => ({ [name]: { operator, values: [value] } })))

describe('what a query may ask for at once', () => {
  it.each([
    ['work_packages', 'description', '!~', 5],
    ['work_packages', 'subject', '^', 5],
    ['work_packages', 'search', '**', 5],
    ['work_packages', 'subjectOrId', '**', 5],
    ['work_packages', 'ancestor', '=', 2],
    ['work_packages', 'ancestor', '!', 2],
    ['projects', 'ancestor', '=', 2],
  ])('in %s, the filter %s %s comes at most %i times', async (path, name, operator, most) => {
    expect((await get(path, { filters: filters(most, name, operator, '1') })).statusCode).toBe(200)
    for (const valid_subset of ['false', 'true']) {
      const refused = await get(path, { filters: filters(most + 1, name, operator, '1'), valid_subset })
      expect(refused.statusCode).toBe(400)
      expect(refused.json()).toMatchObject({ message: expect.stringContaining(`At most ${most} filters`) as string })
    }
  })

  it('is a part of a text of at most 255 characters', async () => {
    const look = (length: number) => get('work_packages', { filters: filters(1, 'subject', '~', 'ä'.repeat(length)) })
    expect((await look(255)).statusCode).toBe(200)
    expect((await look(256)).statusCode).toBe(400)
  })
})

describe('a store that is closed while requests are under way', () => {
  it('makes them answers that say so, not failures', async () => {
    const closing = await openTestApi()
    await closing.create('/api/v3/projects', { name: 'Demo', identifier: 'demo' })
    const work = '/api/v3/projects/demo/work_packages'
    for (const subject of ['One', 'Two', 'Three']) await closing.create(work, { subject })
    const requests = [
      closing.call('DELETE', '/api/v3/projects/demo'),
      closing.call('GET', '/api/v3/work_packages?filters=[]&pageSize=2'),
      closing.call('POST', work, { subject: 'Four' }),
    ]
    await closing.store.close()
    const late = closing.call('GET', '/api/v3/work_packages/2')
    const answers = await Promise.all([...requests, late])
    await closing.close()
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([503, 503, 503, 503])
    for (const answer of answers) {
      expect(answer.headers['retry-after']).toBe('5')
      expect(answer.json<{ errorIdentifier: string }>().errorIdentifier).toMatch(/ServiceUnavailable$/)
    }
    expect(closing.logged).toEqual([])
  })
})
