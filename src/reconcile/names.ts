import type { ResourceKey } from '../resources/resource.ts'

/** A webhook that wants a display name. `since` and `tiebreak` order claimants of a name that nobody holds. */
export interface NameClaim {
  readonly key: ResourceKey
  /** The name it holds now (its spec in force has it), if any. */
  readonly held: string | undefined
  readonly wanted: string
  /** creationTimestamp in ms; undefined in file mode, where the path decides. */
  readonly since: number | undefined
  readonly tiebreak: string
}

/** Display names are compared without case. */
export function foldName(name: string): string {
  return name.toLowerCase()
}

/**
 * Which claims lose, and to whom. A live holder keeps its name; with no holder the oldest wins, then the tiebreak. Webhooks that
 * swap names in one batch all get what they want: a mover only keeps its old name when its claim for the new one fails, and
 * whoever had won that old name then loses it again, until nothing changes. Each round only adds losers, so it ends.
 */
export function resolveNames(
  claims: readonly NameClaim[],
  holderOutside: (folded: string) => ResourceKey | undefined,
): ReadonlyMap<ResourceKey, ResourceKey> {
  const losers = new Set<ResourceKey>()
  const ordered = [...claims].sort(comparePrecedence)
  let owners = new Map<string, ResourceKey>()
  for (let before = -1; before !== losers.size;) {
    before = losers.size
    owners = keptNames(ordered, losers)
    for (const claim of ordered.filter(({ key }) => !losers.has(key))) {
      const wanted = foldName(claim.wanted)
      const owner = holderOutside(wanted) ?? owners.get(wanted)
      if (owner !== undefined && owner !== claim.key) losers.add(claim.key)
      else owners.set(wanted, claim.key)
    }
  }
  // Whoever a claim lost to may itself have lost in a later round: the owner at the end is the one to name.
  return new Map(
    ordered.flatMap(({ key, wanted }) => {
      const owner = holderOutside(foldName(wanted)) ?? owners.get(foldName(wanted))
      return losers.has(key) && owner !== undefined ? [[key, owner] as const] : []
    }),
  )
}

/** Names that stay where they are: held and still wanted, or held by a claimant that lost and so cannot move. */
function keptNames(claims: readonly NameClaim[], losers: ReadonlySet<ResourceKey>): Map<string, ResourceKey> {
  const kept = new Map<string, ResourceKey>()
  for (const claim of claims) {
    if (claim.held === undefined) continue
    const held = foldName(claim.held)
    if (losers.has(claim.key) || held === foldName(claim.wanted)) kept.set(held, claim.key)
  }
  return kept
}

function comparePrecedence(a: NameClaim, b: NameClaim): number {
  const age = (a.since ?? 0) - (b.since ?? 0)
  if (age !== 0) return age
  return a.tiebreak < b.tiebreak ? -1 : a.tiebreak > b.tiebreak ? 1 : 0
}
