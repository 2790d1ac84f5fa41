import type { ApiSettingsSpec } from '../resources/api-settings.ts'
import { holds, ready, type Finding } from '../status/conditions.ts'
import { acceptanceFindings, chooseInForce, stalledFindings, type Desired, type InForce } from './desired.ts'

export interface ApiSettingsOutcome {
  /** Without a good spec the defaults run, switched off or not. */
  readonly inForce: InForce<ApiSettingsSpec>
  readonly findings: readonly Finding[]
}

/** Decides what ApiSettings runs and what is to be said of it. It refers to no Secret, so `ResolvedRefs` always holds. */
export function reconcileApiSettings(desired: Desired<ApiSettingsSpec>): ApiSettingsOutcome {
  const inForce = chooseInForce(desired)
  const { accepted, programmed } = acceptanceFindings(desired, inForce)
  const resolved = holds('ResolvedRefs', desired.generation, 'The spec refers to no Secret.')
  const findings = [accepted, resolved, programmed]
  return {
    inForce,
    findings: [...findings, ready(findings, desired.generation), ...stalledFindings(findings, desired.generation)],
  }
}
