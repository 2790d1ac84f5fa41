import { expect, test } from 'vitest'

import { deliveryId, parseDeliveryId } from '../../src/storage/delivery-id.ts'

test.each([
  [0, 'dlv_0'],
  [1, 'dlv_1'],
  [36, 'dlv_10'],
  [Number.MAX_SAFE_INTEGER, 'dlv_2gosa7pa2gv'],
])('seq %d is %s and back', (seq, id) => {
  expect(deliveryId(seq)).toBe(id)
  expect(parseDeliveryId(id)).toBe(seq)
})

test.each(['', '1', 'dlv_', 'dlv_-1', 'dlv_01', 'dlv_A', 'dlv_1 ', 'DLV_1', 'dlv_1.5', 'dlv_zzzzzzzzzzzzzz'])(
  '%j names no delivery',
  (id) => expect(parseDeliveryId(id)).toBeUndefined(),
)
