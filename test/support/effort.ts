/** How often something random is tried: little in the quick suite, much in the long one (`npm run test:long`). */
export function tries(quick: number, long: number): number {
  return process.env['NEPENTHES_TEST_EFFORT'] === 'long' ? long : quick
}

/** Fixed seeds that once found a fault, and fresh ones; a failing one is in the test's name. */
export function seeds(known: readonly number[], quick: number, long: number): number[] {
  return [...known, ...Array.from({ length: tries(quick, long) }, () => Math.floor(Math.random() * 1e9))]
}
