import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import type { Clock } from '../base/clock.ts'
import { fail, ok, type Result } from '../base/result.ts'
import { kindNamed } from '../resources/kinds.ts'
import { byPlace } from '../resources/problem.ts'
import { type ResourceKey, resourceKey } from '../resources/resource.ts'
import type { StatusListing } from '../status/listing.ts'
import { CONDITION_TYPES } from '../status/status.ts'
import { badRequest, noSuchKind, notFound, type Refusal, refuse } from './refusal.ts'
import { conditionStatus, conditionType, type Goal, waitFor } from './wait.ts'

interface ResourceRequest {
  Params: { kind: string; name: string }
  Querystring: { condition?: string; status?: string; timeoutSeconds?: string }
}

/** Longer waits are made of several requests: a client that silently went away is noticed by then. */
export const WAIT_SECONDS_MAX = 60

export interface ResourceRouteDependencies {
  readonly listing: StatusListing
  readonly clock: Clock
  /** Aborts when the listener closes: who still waits is told so. */
  readonly closing: AbortSignal
}

/** `/v1/resources`: what there is and how it is doing. */
export function resourceRoutes(server: FastifyInstance, dependencies: ResourceRouteDependencies): void {
  const { listing } = dependencies
  server.get('/resources', () => ({
    apiVersion: 'v1',
    kind: 'List',
    items: listing.list(),
    problems: listing.problems().toSorted(byPlace),
  }))
  server.get<ResourceRequest>('/resources/:kind/:name', async (request, reply) => {
    const kind = kindNamed(request.params.kind)
    if (!kind) return refuse(reply, noSuchKind(request.params.kind))
    const key = resourceKey(kind, request.params.name)
    if (request.query.condition !== undefined) return answerWait(dependencies, key, request, reply)
    const resource = listing.get(key)
    return resource ?? refuse(reply, notFound(`there is no ${key}`))
  })
}

/** Answers 200 with the resource as soon as the goal holds, 504 with the resource (or null) when time is up. */
async function answerWait(
  dependencies: ResourceRouteDependencies,
  key: ResourceKey,
  request: FastifyRequest<ResourceRequest>,
  reply: FastifyReply,
): Promise<unknown> {
  const wanted = readWait(request.query)
  if (!wanted.ok) return refuse(reply, wanted.error)
  const { goal, timeoutMs } = wanted.value
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  const signal = AbortSignal.any([gone.signal, dependencies.closing])
  const held = await waitFor(dependencies, key, goal, { timeoutMs, signal })
  const resource = dependencies.listing.get(key) ?? null
  if (held) return resource
  const refusal = dependencies.closing.aborted ? CLOSING : timedOut(key, goal, timeoutMs)
  return refuse(reply, refusal, { resource })
}

const CLOSING: Refusal = {
  status: 503,
  code: 'Closing',
  message: 'the operator is stopping',
  hint: 'Ask again once it runs.',
}

function timedOut(key: ResourceKey, goal: Goal, timeoutMs: number): Refusal {
  const message = `${key} did not become ${goal.type}=${goal.status} within ${timeoutMs / 1000} s`
  return { status: 504, code: 'TimedOut', message, hint: '' }
}

function readWait(query: ResourceRequest['Querystring']): Result<{ goal: Goal; timeoutMs: number }, Refusal> {
  const type = conditionType(String(query.condition))
  if (!type) {
    return fail(
      badRequest(`there is no condition "${query.condition}"`, `The conditions are ${CONDITION_TYPES.join(', ')}.`),
    )
  }
  const status = conditionStatus(query.status ?? 'True')
  if (!status) return fail(badRequest(`a condition is never "${query.status}"`, 'Wait for True, False or Unknown.'))
  const timeoutMs = readTimeoutMs(query.timeoutSeconds ?? '30')
  return timeoutMs.ok ? ok({ goal: { type, status }, timeoutMs: timeoutMs.value }) : timeoutMs
}

/** Reads `timeoutSeconds`. */
export function readTimeoutMs(seconds: string): Result<number, Refusal> {
  if (/^\d{1,2}(\.\d{1,3})?$/.test(seconds) && Number(seconds) <= WAIT_SECONDS_MAX) return ok(Number(seconds) * 1000)
  return fail(badRequest(`timeoutSeconds "${seconds}": expected 0 to ${WAIT_SECONDS_MAX}`))
}
