import { distance } from 'fastest-levenshtein'

/** The candidate most like `word`, ignoring case, if it is like enough to be what was meant. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  // A key may be a megabyte long; no candidate is.
  if (word.length > 100) return undefined
  let best: string | undefined
  let bestDistance = Infinity
  for (const candidate of candidates) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase())
    if (d < bestDistance) [best, bestDistance] = [candidate, d]
  }
  return best !== undefined && bestDistance <= Math.max(1, Math.floor(best.length / 3)) ? best : undefined
}
