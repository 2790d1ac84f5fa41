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
  /** It says `enabled: false`, whatever else is wrong with it. */
  readonly switchedOff: boolean
  readonly lastGood: Good<S> | undefined
}

/** What runs. The good spec is remembered as it is: a switch thrown on a broken document can be thrown back. */
export interface InForce<S> {
  readonly good: Good<S> | undefined
  /** The good spec runs switched off. Never set along with a spec that is accepted: its own `enabled` says it all. */
  readonly switchedOff: boolean
}

/** The new spec if it is accepted, else the last good one, switched off if so asked. */
export function chooseInForce<S>(desired: Desired<S>): InForce<S> {
  if (desired.spec) return { good: { spec: desired.spec, generation: desired.generation }, switchedOff: false }
  return { good: desired.lastGood, switchedOff: desired.switchedOff }
}

/** The spec to run, with the switch applied. */
export function switched<S extends { enabled?: boolean }>(spec: S, switchedOff: boolean): S {
  return switchedOff ? { ...spec, enabled: false } : spec
}

/** `Accepted` and `Programmed`, the two that depend on the document alone. */
export function acceptanceFindings<S extends { enabled?: boolean }>(
  { generation, rejection }: Desired<S>,
  inForce: InForce<S>,
): { accepted: Finding; programmed: Finding } {
  if (rejection) {
    return {
      accepted: fails('Accepted', generation, rejection.reason, rejection.message),
      programmed: fallback(generation, inForce),
    }
  }
  const off = inForce.good?.spec.enabled === false
  return {
    accepted: holds('Accepted', generation, 'The spec is valid.'),
    programmed: off
      ? holds('Programmed', generation, 'This generation is in force; it switches the resource off.', 'Disabled')
      : holds('Programmed', generation, 'This generation is in force.'),
  }
}

function fallback(generation: number, { good, switchedOff }: InForce<unknown>): Finding {
  if (!good) {
    const message = `No spec was ever accepted${switchedOff ? '; it is switched off as asked' : ''}.`
    return fails('Programmed', generation, 'NeverValid', message)
  }
  const message = `The last good spec, generation ${good.generation}, stays in force${switchedOff ? ', switched off as asked' : ''}.`
  return fails('Programmed', generation, 'LastGoodActive', message)
}

/** `Stalled`, only for what no waiting mends: an invalid spec or an unusable Secret. */
export function stalledFindings(findings: readonly Finding[], generation: number): Finding[] {
  const cause = findings.find(
    ({ status, reason }) => status === 'False' && ['InvalidSpec', 'InvalidSecret'].includes(reason),
  )
  return cause ? [holds('Stalled', generation, cause.message, cause.reason)] : []
}
