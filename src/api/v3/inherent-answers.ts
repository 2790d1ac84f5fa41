import type { RouteOptions } from 'fastify'
import { answerOf, errorSchema } from './route.ts'

/** What a route may answer by its nature, before its own code is asked: for `onRoute`, so that no route needs to list it. */
export function documentInherentAnswers(route: RouteOptions): void {
  const errors = inherentErrors(String(route.method), route.url)
  const response: Record<string, unknown> = Object.fromEntries(errors.map((status) => [status, errorSchema]))
  if (wantsBody(String(route.method))) response[406] = answerOf('text/plain', 'The request has no content type.')
  route.schema = { ...route.schema, response: { ...response, ...(route.schema?.response as object) } }
}

function wantsBody(method: string): boolean {
  return ['POST', 'PUT', 'PATCH'].includes(method)
}

function inherentErrors(method: string, path: string): number[] {
  const writing = wantsBody(method) || method === 'DELETE'
  return [
    // A path that cannot be decoded; one that leads to nothing.
    ...(path.includes(':') ? [400, 404] : []),
    // No JSON, too much of it, something else; nothing can be written just now.
    ...(writing ? [400, 413, 415, 503] : []),
  ]
}
