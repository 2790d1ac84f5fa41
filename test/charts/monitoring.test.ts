import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createMetrics } from '../../src/admin/metrics.ts'
import { CHART, only, renderChart } from '../support/helm.ts'
import { createHandListing } from '../support/listing.ts'
import { schemaProblems } from '../support/kubernetes-schemas.ts'
import { MATRIX } from './values-matrix.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: { readonly summary: string; readonly description: string }
}

const metricsIn = (expression: string) => expression.match(/\b(nepenthes|controller_runtime|process|nodejs)_\w+/g) ?? []

/** Every name under which the program gives a series. */
async function seriesOfProgram(): Promise<Set<string>> {
  const none = () => 0
  const sources = { version: '1', listing: createHandListing(), pending: none, circuitsOpen: none, configVersion: none }
  const { registry } = createMetrics(sources)
  const metrics = await registry.getMetricsAsJSON()
  return new Set(
    metrics.flatMap(({ name, type }) =>
      String(type) === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
    ),
  )
}

describe('monitoring', () => {
  it('asks for nothing that the program does not give', async () => {
    const rendered = await renderChart(MATRIX['monitoring'])
    const { groups } = only(rendered, 'PrometheusRule')['spec'] as { groups: { rules: Rule[] }[] }
    const dashboard = readFileSync(join(CHART, 'files', 'dashboard.json'), 'utf8')
    const { panels } = JSON.parse(dashboard) as { panels: { targets: { expr: string }[] }[] }
    const expressions = [
      ...groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
      ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ]
    expect(expressions.length).toBeGreaterThan(15)
    expect(expressions.filter((expression) => metricsIn(expression).length === 0)).toEqual([])
    const known = await seriesOfProgram()
    expect(expressions.flatMap(metricsIn).filter((name) => !known.has(name))).toEqual([])
  })

  it('selects the metrics of this release alone', async () => {
    const { groups } = only(await renderChart(MATRIX['monitoring']), 'PrometheusRule')['spec'] as {
      groups: { rules: Rule[] }[]
    }
    const own = 'namespace="projects", service="nepenthes-nepenthes-operator-admin"'
    for (const { expr } of groups.flatMap(({ rules }) => rules)) expect(expr).toContain(own)
  })

  it('ships the dashboard as it is, for the sidecar', async () => {
    const { data, metadata } = only(await renderChart(MATRIX['monitoring']), 'ConfigMap') as unknown as {
      data: Record<string, string>
      metadata: { labels: Record<string, string> }
    }
    expect(metadata.labels).toMatchObject({ grafana_dashboard: '1' })
    expect(data['nepenthes.json']?.trim()).toBe(readFileSync(join(CHART, 'files', 'dashboard.json'), 'utf8').trim())
  })
})

describe('the check against published schemas', () => {
  it('notices a field that is not known, wherever it stands', async () => {
    const objects = await renderChart({ ...(MATRIX['an Ingress'] as object), ...(MATRIX['monitoring'] as object) })
    const passed: string[] = []
    for (const object of objects.filter(({ apiVersion }) => apiVersion !== 'nepenthes.dev/v1'))
      for (const place of placesIn(object)) {
        const broken = structuredClone(object)
        const at = place.reduce<unknown>((inner, step) => (inner as Record<string, unknown>)[step], broken)
        ;(at as Record<string, unknown>)['misspelt'] = 'x'
        if ((await schemaProblems(broken)).length === 0) passed.push(`${object.kind} ${place.join('.')}`)
      }
    // Only where names are anybody's: labels and the like.
    const free = /(labels|annotations|matchLabels|selector|nodeSelector|requests|limits|data)$/
    expect(passed.filter((place) => !free.test(place))).toEqual([])
    expect(passed.length).toBeGreaterThan(10)
  })
})

function placesIn(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return []
  const inner = Object.entries(value).flatMap(([name, each]) => placesIn(each, [...at, name]))
  return Array.isArray(value) ? inner : [at, ...inner]
}
