import { distance } from 'fastest-levenshtein'

/** The candidate most like `word`, ignoring case, if it is like enough to be what was meant. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  // A key may be a megabyte long; no candidate is.
  if (word.length > 100) return undefined
  let best: string | undefined
  let bestDistance = Infinity
  for (const candidate of candidates) {
    const d = typos(word.toLowerCase(), candidate.toLowerCase())
    if (d < bestDistance) [best, bestDistance] = [candidate, d]
  }
  return best !== undefined && bestDistance <= Math.max(1, Math.floor(best.length / 3)) ? best : undefined
}

/** As the edit distance, but two neighbouring letters swapped are one slip of the fingers, not two. */
function typos(word: string, meant: string): number {
  return isSwap(word, meant) ? 1 : distance(word, meant)
}

function isSwap(word: string, meant: string): boolean {
  if (word.length !== meant.length) return false
  let at = 0
  while (at < word.length && word[at] === meant[at]) at++
  return word[at] === meant[at + 1] && word[at + 1] === meant[at] && word.slice(at + 2) === meant.slice(at + 2)
}
