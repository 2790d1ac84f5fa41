import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

import type { StatusListing } from '../status/listing.ts'
import type { Condition } from '../status/status.ts'
import type { AttemptOutcome, DeliveryState, DispatchWrite } from '../storage/records.ts'

type FinalState = Exclude<DeliveryState, 'pending'>
type ReconcileResult = 'success' | 'error' | 'requeue' | 'requeue_after'

/** One loop reconciles the whole environment, all kinds together: a label per kind would stay at 0. */
type Controller = 'environment'

const CONTROLLERS: Record<Controller, true> = { environment: true }
const FINAL_STATES: Record<FinalState, true> = { delivered: true, dead: true, cancelled: true }
/** Of attempts there can be: an address that is refused is never dialled, so nothing was attempted (`Delivering` says so). */
const ATTEMPT_OUTCOMES: Record<Exclude<AttemptOutcome, 'address-blocked'>, true> = {
  success: true,
  http: true,
  timeout: true,
  dns: true,
  connect: true,
  tls: true,
  protocol: true,
}
const RECONCILE_RESULTS: Record<ReconcileResult, true> = {
  success: true,
  error: true,
  requeue: true,
  requeue_after: true,
}

/** controller-runtime's buckets, so that dashboards made for it fit. */
const RECONCILE_BUCKETS_S = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
]
const ATTEMPT_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60]

/** What is read when somebody asks for the metrics, instead of being counted along the way. */
export interface MetricSources {
  readonly version: string
  readonly listing: StatusListing
  /** Deliveries not ended yet. */
  readonly pending: () => number
  readonly circuitsOpen: () => number
  /** Version of the snapshot in force. */
  readonly configVersion: () => number
  /** In a cluster: changes that a watch was found to have missed. */
  readonly watchDrift?: () => number
}

/** What the program counts. Durations in milliseconds, as everywhere inside; Prometheus gets seconds. */
export interface Metrics {
  readonly registry: Registry
  attemptMade(outcome: AttemptOutcome, durationMs: number): void
  deliveryEnded(state: FinalState, count?: number): void
  /** Counts all a dispatch write says of attempts made and deliveries ended; to be called once it is durable. */
  dispatchRecorded(write: DispatchWrite): void
  reconciled(controller: Controller, result: ReconcileResult, durationMs: number): void
}

/** A registry of our own: nothing is counted into prom-client's global one. No series is per webhook but its conditions. */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  addGauges(registry, sources)
  addConditionGauge(registry, sources.listing)
  const delivery = deliveryMetrics(registers)
  const reconcile = reconcileMetrics(registers)
  return { registry, ...delivery, ...reconcile }
}

function deliveryMetrics(registers: Registry[]): Pick<Metrics, 'attemptMade' | 'deliveryEnded' | 'dispatchRecorded'> {
  const deliveries = new Counter({
    name: 'nepenthes_deliveries_total',
    help: 'Deliveries ended, by how: delivered, dead (given up) or cancelled.',
    labelNames: ['outcome'],
    registers,
  })
  const attempts = new Counter({
    name: 'nepenthes_delivery_attempts_total',
    help: 'Requests to receivers, by outcome; http is a status code other than 2xx.',
    labelNames: ['outcome'],
    registers,
  })
  const duration = new Histogram({
    name: 'nepenthes_delivery_attempt_duration_seconds',
    help: 'Time of one request to a receiver, DNS to last byte of the response.',
    buckets: ATTEMPT_BUCKETS_S,
    registers,
  })
  for (const outcome of Object.keys(FINAL_STATES)) deliveries.inc({ outcome }, 0)
  for (const outcome of Object.keys(ATTEMPT_OUTCOMES)) attempts.inc({ outcome }, 0)
  const attemptMade: Metrics['attemptMade'] = (outcome, durationMs) => {
    attempts.inc({ outcome })
    duration.observe(durationMs / 1000)
  }
  const deliveryEnded: Metrics['deliveryEnded'] = (outcome, count = 1) => deliveries.inc({ outcome }, count)
  return {
    attemptMade,
    deliveryEnded,
    dispatchRecorded(write) {
      for (const { outcome, durationMs } of write.attempts) attemptMade(outcome, durationMs)
      for (const { state } of write.deliveries) if (state !== 'pending') deliveryEnded(state)
    },
  }
}

function reconcileMetrics(registers: Registry[]): Pick<Metrics, 'reconciled'> {
  const total = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Total number of reconciliations per controller',
    labelNames: ['controller', 'result'],
    registers,
  })
  const errors = new Counter({
    name: 'controller_runtime_reconcile_errors_total',
    help: 'Total number of reconciliation errors per controller',
    labelNames: ['controller'],
    registers,
  })
  const time = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Length of time per reconciliation per controller',
    labelNames: ['controller'],
    buckets: RECONCILE_BUCKETS_S,
    registers,
  })
  for (const controller of Object.keys(CONTROLLERS)) {
    for (const result of Object.keys(RECONCILE_RESULTS)) total.inc({ controller, result }, 0)
    errors.inc({ controller }, 0)
    time.zero({ controller })
  }
  return {
    reconciled(controller, result, durationMs) {
      total.inc({ controller, result })
      if (result === 'error') errors.inc({ controller })
      time.observe({ controller }, durationMs / 1000)
    },
  }
}

function addGauges(registry: Registry, sources: MetricSources): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  gauge('nepenthes_deliveries_pending', 'Deliveries not ended yet, those held included.', sources.pending)
  gauge('nepenthes_circuits_open', 'Webhooks whose circuit is open.', sources.circuitsOpen)
  gauge('nepenthes_config_version', 'Version of the configuration in force; 0 before the first.', sources.configVersion)
  const { watchDrift } = sources
  if (watchDrift) addDriftCounter(registry, watchDrift)
  new Gauge({
    name: 'nepenthes_build_info',
    help: 'Always 1; the label tells the version.',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version: sources.version }, 1)
}

function addDriftCounter(registry: Registry, read: () => number): void {
  new Counter({
    name: 'nepenthes_watch_drift_total',
    help: 'Changes of objects that a watch was found to have missed; must stay 0.',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(read())
    },
  })
}

const CONDITION_GAUGE = {
  name: 'nepenthes_resource_condition',
  help: 'What the conditions of each resource say now: 1 for the status each has, no series for those it has not.',
}

/**
 * One series a condition, made up while somebody asks and forgotten after: 10,000 webhooks with every status kept as a
 * series would cost more memory than the webhooks themselves.
 */
function addConditionGauge(registry: Registry, listing: StatusListing): void {
  const labelNames = ['kind', 'name', 'type', 'status'] as const
  const gauge = new Gauge<(typeof labelNames)[number]>({ ...CONDITION_GAUGE, labelNames, registers: [registry] })
  const empty = gauge.get.bind(gauge)
  gauge.get = async () => ({
    ...(await empty()),
    values: listing
      .list()
      .flatMap(({ kind, metadata: { name }, status }) =>
        status.conditions.map((condition) => conditionSeries(kind, name, condition)),
      ),
  })
}

function conditionSeries(kind: string, name: string, { type, status }: Condition) {
  return { value: 1, labels: { kind, name, type, status } }
}
