import { fails, holds, type Finding } from '../status/conditions.ts'

/** Why a spec is not accepted. */
export interface Rejection {
  readonly reason: 'InvalidSpec' | 'NameConflict' | 'UnsupportedValue'
  readonly message: string
}

/** A spec that was accepted once, and the generation it had then. */
export interface Good<S> {
  readonly spec: S
  readonly generation: number
}

/** What a document asks for, judged. `rejection` is set exactly when `spec` is not. */
export interface Desired<S> {
  readonly generation: number
  readonly spec: S | undefined
  readonly rejection: Rejection | undefined
  /** The document says `enabled: false`, whatever else is wrong with it. */
  readonly switchedOff: boolean
  readonly lastGood: Good<S> | undefined
}

/** The spec to run: the new one if it is accepted, else the last good one, switched off if the document says so. */
export function chooseInForce<S extends { enabled?: boolean }>(desired: Desired<S>): Good<S> | undefined {
  if (desired.spec) return { spec: desired.spec, generation: desired.generation }
  if (!desired.lastGood || !desired.switchedOff) return desired.lastGood
  return { spec: { ...desired.lastGood.spec, enabled: false }, generation: desired.lastGood.generation }
}

/** `Accepted` and `Programmed`, the two that depend on the document alone. */
export function acceptanceFindings<S extends { enabled?: boolean }>(
  desired: Desired<S>,
  inForce: Good<S> | undefined,
): { accepted: Finding; programmed: Finding } {
  const { generation, rejection } = desired
  if (!rejection) {
    const off = inForce?.spec.enabled === false
    return {
      accepted: holds('Accepted', generation, 'The spec is valid.'),
      programmed: off
        ? holds('Programmed', generation, 'This generation is in force; it switches the resource off.', 'Disabled')
        : holds('Programmed', generation, 'This generation is in force.'),
    }
  }
  const accepted = fails('Accepted', generation, rejection.reason, rejection.message)
  if (!inForce)
    return {
      accepted,
      programmed: fails('Programmed', generation, 'NeverValid', 'Nothing is in force: no spec was ever accepted.'),
    }
  const off = desired.switchedOff ? ', switched off as asked' : ''
  const message = `The last good spec, generation ${inForce.generation}, stays in force${off}.`
  return { accepted, programmed: fails('Programmed', generation, 'LastGoodActive', message) }
}

/** `Stalled`, only for what no waiting mends: an invalid spec or an unusable Secret. */
export function stalledFindings(findings: readonly Finding[], generation: number): Finding[] {
  const cause = findings.find(
    (finding) => finding.status === 'False' && ['InvalidSpec', 'InvalidSecret'].includes(finding.reason),
  )
  return cause ? [holds('Stalled', generation, cause.message, cause.reason)] : []
}
