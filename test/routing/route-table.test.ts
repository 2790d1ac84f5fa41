import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EVENTS, type EventName } from '../../src/resources/vocabulary.ts'
import { effectiveWebhook } from '../../src/resources/webhook.ts'
import { compileRoutes } from '../../src/routing/route-table.ts'
import type { ProgrammedWebhook } from '../../src/routing/snapshot.ts'
import { tries } from '../support/effort.ts'

function webhook(name: string, events: EventName[], projects?: string[], enabled = true): ProgrammedWebhook {
  const spec = effectiveWebhook(name, {
    url: 'https://receiver.example/',
    events,
    enabled,
    ...(projects ? { projects } : {}),
  })
  return { name, generation: 1, spec, credentials: undefined, hold: undefined, resumeAt: undefined }
}

const subject = (name: EventName, projectId = 12, projectIdentifier = 'demo') => ({
  name,
  projectId,
  projectIdentifier,
})

describe('matching', () => {
  const routes = compileRoutes([
    webhook('all', ['project:created', 'time_entry:created']),
    webhook('by-identifier', ['time_entry:created'], ['demo']),
    webhook('by-id', ['time_entry:created'], ['12']),
    webhook('by-both', ['time_entry:created'], ['12', 'demo']),
    webhook('elsewhere', ['time_entry:created'], ['other']),
    webhook('off', ['time_entry:created'], undefined, false),
  ])
  const names = (event: EventName, id?: number, identifier?: string) =>
    routes.match(subject(event, id, identifier)).map(({ name }) => name)

  it('takes webhooks for all projects and for this one, each once', () => {
    expect(names('time_entry:created').sort()).toEqual(['all', 'by-both', 'by-id', 'by-identifier'])
  })
  it('leaves out other projects, other events and what is switched off', () => {
    expect(names('time_entry:created', 99, 'third')).toEqual(['all'])
    expect(names('project:created')).toEqual(['all'])
    expect(names('work_package:updated')).toEqual([])
  })
  it('compares identifiers exactly', () => expect(names('time_entry:created', 99, 'Demo')).toEqual(['all']))

  it('agrees with the plain definition', () => {
    const project = fc.constantFrom('1', '2', 'a', 'b')
    const hook = fc.record({
      events: fc.uniqueArray(fc.constantFrom(...EVENTS), { minLength: 1 }),
      projects: fc.option(fc.uniqueArray(project, { minLength: 1 }), { nil: undefined }),
      enabled: fc.boolean(),
    })
    fc.assert(
      fc.property(
        fc.array(hook, { maxLength: 12 }),
        fc.constantFrom(...EVENTS),
        fc.constantFrom(1, 2),
        fc.constantFrom('a', 'b'),
        (hooks, event, id, identifier) => {
          const all = hooks.map((h, i) => webhook(String(i), h.events, h.projects, h.enabled))
          const expected = all.filter(
            ({ spec }) =>
              spec.enabled &&
              spec.events.includes(event) &&
              (!spec.projects || spec.projects.includes(String(id)) || spec.projects.includes(identifier)),
          )
          const matched = compileRoutes(all).match(subject(event, id, identifier))
          expect([...matched].map(({ name }) => name).sort()).toEqual(expected.map(({ name }) => name).sort())
        },
      ),
      { numRuns: tries(100, 50_000) },
    )
  })
})
