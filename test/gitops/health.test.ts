import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Environment } from '@marcbachmann/cel-js'
import { describe, expect, it } from 'vitest'
import { KIND_NAMES } from '../../src/resources/kinds.ts'
import { parseObjects } from '../support/helm.ts'
import { type KStatus, kstatusOf } from '../support/kstatus.ts'
import { runHealthLua } from '../support/lua.ts'
import { type Standing, standings } from './statuses.ts'

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples')
const objectsOf = (path: string) => parseObjects(readFileSync(join(EXAMPLES, path), 'utf8'))

const KSTATUS_OF_HEALTH: Readonly<Record<string, KStatus>> = {
  Healthy: 'Current',
  Progressing: 'InProgress',
  Degraded: 'Failed',
}

const scripts = objectsOf('argocd/argocd-cm.yaml')[0]?.['data'] as Readonly<Record<string, string>>
const luaOf = (kind: string) => scripts[`resource.customizations.health.nepenthes.dev_${kind}`] ?? ''

interface HealthCheck {
  readonly apiVersion: string
  readonly kind: string
  readonly inProgress: string
  readonly failed: string
  readonly current: string
}

const checks = objectsOf('flux/sync.yaml').flatMap(
  ({ spec }) => (spec as { healthCheckExprs?: readonly HealthCheck[] }).healthCheckExprs ?? [],
)

/**
 * What Flux makes of an object: first the generation, then the expressions in this order, with the object's fields as variables; an
 * expression that cannot be evaluated is an error, after which Flux asks again until its timeout. (fluxcd/pkg, runtime/cel)
 */
function fluxStatusOf(object: Standing): KStatus | 'error' {
  const check = checks.find(({ kind }) => kind === object.kind)
  const { observedGeneration } = object.status ?? {}
  if (observedGeneration !== undefined && observedGeneration !== object.metadata.generation) return 'InProgress'
  try {
    if (evaluate(check?.inProgress, object)) return 'InProgress'
    if (evaluate(check?.failed, object)) return 'Failed'
    return evaluate(check?.current, object) ? 'Current' : 'InProgress'
  } catch {
    return 'error'
  }
}

/** Flux declares no types, so every field of the object is dynamic. */
function evaluate(expression: string | undefined, object: Standing): boolean {
  const environment = new Environment({ unlistedVariablesAreDyn: true })
  return environment.evaluate(expression ?? '', bigIntegers(object) as Record<string, unknown>) === true
}

/** CEL's integers are bigints to the library. */
function bigIntegers(value: unknown): unknown {
  if (typeof value === 'number') return BigInt(value)
  if (Array.isArray(value)) return value.map(bigIntegers)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, bigIntegers(inner)]))
}

const cases = await standings()
const UNSEEN: Standing[] = KIND_NAMES.map((kind) => ({ kind, metadata: { name: 'default', generation: 1 } }))

describe.each(cases)('$what', ({ object, expected, says }) => {
  it('means the same to Argo CD, to Flux and to kstatus', () => {
    expect(kstatusOf(object)).toBe(expected)
    expect(fluxStatusOf(object)).toBe(expected)
    const { status, message } = runHealthLua(luaOf(object.kind), object)
    expect(KSTATUS_OF_HEALTH[status]).toBe(expected)
    expect(message).toContain(says)
  })
})

describe('what no operator has looked at yet', () => {
  it.each(UNSEEN)('$kind is not done, though kstatus alone would say so', (object) => {
    expect(kstatusOf(object)).toBe('Current')
    expect(runHealthLua(luaOf(object.kind), object).status).toBe('Progressing')
    expect(fluxStatusOf(object)).toBe('error')
    const written = { ...object, status: {} } as unknown as Standing
    expect(fluxStatusOf(written)).toBe('InProgress')
    expect(runHealthLua(luaOf(object.kind), written).status).toBe('Progressing')
  })
})

describe('the checks', () => {
  it('are there for every kind, and every outcome is among the cases', () => {
    expect(Object.keys(scripts).sort()).toEqual(
      KIND_NAMES.map((kind) => `resource.customizations.health.nepenthes.dev_${kind}`).sort(),
    )
    expect(checks.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`).sort()).toEqual(
      KIND_NAMES.map((kind) => `nepenthes.dev/v1 ${kind}`).sort(),
    )
    expect([...new Set(cases.map(({ expected }) => expected))].sort()).toEqual(['Current', 'Failed', 'InProgress'])
  })

  it('keep to the Lua 5.1 that Argo CD has', () => {
    const code = luaOf('Webhook').replaceAll(/--.*$|"[^"\n]*"/gm, '')
    expect(code).not.toMatch(/\/\/|[&|]|<<|>>|\bgoto\b|\b(string|os|io|math|utf8|require)\b/)
  })
})
