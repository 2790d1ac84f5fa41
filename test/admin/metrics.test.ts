import { readFileSync } from 'node:fs'

import { register } from 'prom-client'
import { expect, test } from 'vitest'

import { createMetrics } from '../../src/admin/metrics.ts'
import { createHandListing, resourceWith } from '../support/listing.ts'

function createFixture(drift = 0) {
  const listing = createHandListing()
  const metrics = createMetrics({
    version: '1.2.3',
    listing,
    pending: () => 4,
    circuitsOpen: () => 2,
    configVersion: () => 9,
    watchDrift: () => drift,
  })
  const lines = async () => (await metrics.registry.metrics()).split('\n')
  return { listing, metrics, lines }
}

test('every counter is there from the start, at 0', async () => {
  const { lines } = createFixture()
  const counters = (await lines()).filter((line) => /^(nepenthes|controller_runtime)_\w+_total/.test(line))
  expect(counters).toMatchInlineSnapshot(`
    [
      "nepenthes_watch_drift_total 0",
      "nepenthes_deliveries_total{outcome="delivered"} 0",
      "nepenthes_deliveries_total{outcome="dead"} 0",
      "nepenthes_deliveries_total{outcome="cancelled"} 0",
      "nepenthes_delivery_attempts_total{outcome="success"} 0",
      "nepenthes_delivery_attempts_total{outcome="http"} 0",
      "nepenthes_delivery_attempts_total{outcome="timeout"} 0",
      "nepenthes_delivery_attempts_total{outcome="dns"} 0",
      "nepenthes_delivery_attempts_total{outcome="connect"} 0",
      "nepenthes_delivery_attempts_total{outcome="tls"} 0",
      "nepenthes_delivery_attempts_total{outcome="protocol"} 0",
      "controller_runtime_reconcile_total{controller="environment",result="success"} 0",
      "controller_runtime_reconcile_total{controller="environment",result="error"} 0",
      "controller_runtime_reconcile_total{controller="environment",result="requeue"} 0",
      "controller_runtime_reconcile_total{controller="environment",result="requeue_after"} 0",
      "controller_runtime_reconcile_errors_total{controller="environment"} 0",
    ]
  `)
  expect((await lines()).includes('controller_runtime_reconcile_time_seconds_count{controller="environment"} 0')).toBe(
    true,
  )
})

test('what happens is counted, durations in seconds', async () => {
  const { metrics, lines } = createFixture(3)
  metrics.attemptMade('timeout', 1500)
  metrics.deliveryEnded('cancelled', 3)
  metrics.reconciled('environment', 'error', 20)
  expect(await lines()).toEqual(
    expect.arrayContaining([
      'nepenthes_delivery_attempts_total{outcome="timeout"} 1',
      'nepenthes_delivery_attempt_duration_seconds_sum 1.5',
      'nepenthes_deliveries_total{outcome="cancelled"} 3',
      'controller_runtime_reconcile_total{controller="environment",result="error"} 1',
      'controller_runtime_reconcile_errors_total{controller="environment"} 1',
      'controller_runtime_reconcile_time_seconds_sum{controller="environment"} 0.02',
      'nepenthes_deliveries_pending 4',
      'nepenthes_circuits_open 2',
      'nepenthes_config_version 9',
      'nepenthes_watch_drift_total 3',
      'nepenthes_build_info{version="1.2.3"} 1',
    ]),
  )
})

test('a dispatch write is counted whole', async () => {
  const { metrics, lines } = createFixture()
  const attempt = { deliverySeq: 1, attempt: 1, startedAt: 0, statusCode: null, message: '', responseBody: '' }
  const update = { attempts: 1, nextAttemptAt: 0, lastFailure: '', finishedAt: null }
  metrics.dispatchRecorded({
    attempts: [
      { ...attempt, outcome: 'success', durationMs: 250 },
      { ...attempt, deliverySeq: 2, outcome: 'dns', durationMs: 250 },
    ],
    deliveries: [
      { ...update, seq: 1, state: 'delivered' },
      { ...update, seq: 2, state: 'pending' },
    ],
    endpoints: [],
  })
  expect(await lines()).toEqual(
    expect.arrayContaining([
      'nepenthes_delivery_attempts_total{outcome="success"} 1',
      'nepenthes_delivery_attempts_total{outcome="dns"} 1',
      'nepenthes_delivery_attempt_duration_seconds_sum 0.5',
      'nepenthes_deliveries_total{outcome="delivered"} 1',
      'nepenthes_deliveries_total{outcome="dead"} 0',
    ]),
  )
})

test('conditions are as the listing says now', async () => {
  const { listing, lines } = createFixture()
  const series = async () => (await lines()).filter((line) => line.startsWith('nepenthes_resource_condition{'))
  expect(await series()).toEqual([])
  listing.put(resourceWith('Webhook', 'billing', [['Ready', 'False', 'SecretNotFound']]))
  expect(await series()).toEqual([
    'nepenthes_resource_condition{kind="Webhook",name="billing",type="Ready",status="False"} 1',
  ])
  listing.put(resourceWith('Webhook', 'billing', [['Ready', 'True']]))
  expect(await series()).toEqual([
    'nepenthes_resource_condition{kind="Webhook",name="billing",type="Ready",status="True"} 1',
  ])
})

test('the process is measured, and nothing is put into the global registry', async () => {
  const { lines } = createFixture()
  expect((await lines()).some((line) => line.startsWith('process_cpu_seconds_total '))).toBe(true)
  expect(register.getMetricsAsArray()).toEqual([])
})

test('docs/cli.md names every metric of ours', async () => {
  const { lines } = createFixture()
  const ours = (await lines()).flatMap((line) => /^# TYPE ((?:nepenthes|controller_runtime)_\w+)/.exec(line)?.[1] ?? [])
  const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
  const documented = [...page.matchAll(/^\| `((?:nepenthes|controller_runtime)_\w+)/gm)].map(([, name]) => name)
  expect(documented.sort()).toEqual(ours.sort())
})
