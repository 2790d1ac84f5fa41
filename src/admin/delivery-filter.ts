import { fail, ok, type Result } from '../base/result.ts'
import { parseDeliveryId } from '../storage/delivery-id.ts'
import type { DeliveryState } from '../storage/records.ts'

const STATES: readonly DeliveryState[] = ['pending', 'delivered', 'dead', 'cancelled']
const LIMIT_MAX = 1000

/** Which deliveries a list is of, as texts: the query of `/v1/deliveries` and the flags of `deliveries list` are read alike. */
export function parseState(text: string): Result<DeliveryState, string> {
  const state = STATES.find((candidate) => candidate === text)
  return state ? ok(state) : fail(STATES.join(', '))
}

export function parseLimit(text: string): Result<number, string> {
  const isCount = /^[1-9]\d{0,3}$/.test(text) && Number(text) <= LIMIT_MAX
  return isCount ? ok(Number(text)) : fail(`1 to ${LIMIT_MAX}`)
}

/** The seq a delivery's id stands for. */
export function parseId(text: string): Result<number, string> {
  const seq = parseDeliveryId(text)
  return seq === undefined ? fail('the id of a delivery, for example dlv_2n9c') : ok(seq)
}
