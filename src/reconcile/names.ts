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
 * Which claims lose, and to whom. A live holder keeps its name; with no holder the oldest wins, then the tiebreak. Webhooks that swap
 * names in one batch all get what they want: a mover only keeps its old name when its claim for the new one fails, and whoever had won
 * that old name then loses it again, and so on down the line. Linear but for sorting.
 */
export function resolveNames(
  claims: readonly NameClaim[],
  holderOutside: (folded: string) => ResourceKey | undefined,
): ReadonlyMap<ResourceKey, ResourceKey> {
  const byKey = new Map(claims.map((claim) => [claim.key, claim]))
  const losers = new Set<ResourceKey>()
  const owners = keptNames(claims)
  const lose = (claim: NameClaim): void => {
    for (let next: NameClaim | undefined = claim; next !== undefined;) {
      losers.add(next.key)
      const held: string | undefined = next.held && foldName(next.held)
      const displaced: ResourceKey | undefined = held === undefined ? undefined : owners.get(held)
      if (held !== undefined) owners.set(held, next.key)
      next = displaced === undefined || displaced === next.key ? undefined : byKey.get(displaced)
    }
  }
  const ownerOf = (claim: NameClaim) => holderOutside(foldName(claim.wanted)) ?? owners.get(foldName(claim.wanted))
  const ordered = [...claims].sort(comparePrecedence)
  for (const claim of ordered) {
    const owner = ownerOf(claim)
    if (owner !== undefined && owner !== claim.key) lose(claim)
    else owners.set(foldName(claim.wanted), claim.key)
  }
  // Whoever a claim lost to may itself have lost later on: the owner at the end is the one to name.
  return new Map(
    ordered.flatMap((claim) => {
      const owner = ownerOf(claim)
      return losers.has(claim.key) && owner !== undefined ? [[claim.key, owner] as const] : []
    }),
  )
}

/** Names that stay where they are: held and still wanted by their holder. */
function keptNames(claims: readonly NameClaim[]): Map<string, ResourceKey> {
  const kept = claims.filter(({ held, wanted }) => held !== undefined && foldName(held) === foldName(wanted))
  return new Map(kept.map(({ wanted, key }) => [foldName(wanted), key]))
}

function comparePrecedence(a: NameClaim, b: NameClaim): number {
  const age = (a.since ?? 0) - (b.since ?? 0)
  if (age !== 0) return age
  return a.tiebreak < b.tiebreak ? -1 : a.tiebreak > b.tiebreak ? 1 : 0
}
