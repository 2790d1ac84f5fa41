const PREFIX = 'dlv_'

/** The name of a delivery towards the outside (`x-nepenthes-delivery`, the delivery log): `dlv_` and its seq in base 36. */
export function deliveryId(seq: number): string {
  return PREFIX + seq.toString(36)
}

/** The seq such a name stands for; undefined for what `deliveryId` never gives. */
export function parseDeliveryId(id: string): number | undefined {
  if (!id.startsWith(PREFIX)) return undefined
  const seq = Number.parseInt(id.slice(PREFIX.length), 36)
  return Number.isSafeInteger(seq) && seq >= 0 && deliveryId(seq) === id ? seq : undefined
}
