import { expect } from 'vitest'
import type { Json, TestApi, TestUser } from './support.ts'

export type Listed = Json & { total: number }
/** A query with one filter. */
export const filters = (name: string, operator: string, values: unknown[] = []) =>
  `filters=${encodeURIComponent(JSON.stringify([{ [name]: { operator, values } }]))}`

/** What the user gets of a path. */
export function asking(api: TestApi, { token }: TestUser) {
  const call = (method: string, path: string, body?: unknown) => api.call(method, `/api/v3/${path}`, body, { token })
  return {
    call,
    get: async (path: string): Promise<Listed> => (await call('GET', path)).json(),
    status: async (path: string) => (await call('GET', path)).statusCode,
    ids: async (path: string) => {
      const body: Listed = (await call('GET', path)).json()
      expect(body.total).toBe(body._embedded.elements.length)
      return body._embedded.elements.map((element) => element.id)
    },
  }
}
