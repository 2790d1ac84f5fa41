import { toError } from '../base/errors.ts'
import type { ResourceKey } from '../resources/resource.ts'
import type { Source } from '../resources/source.ts'
import { effectiveWebhook } from '../resources/webhook.ts'
import { heldName, type Entry } from './entry.ts'
import { judge, type Lookups } from './judge.ts'
import { resolveNames, type NameClaim } from './names.ts'
import { sortOut, type Subject } from './subject.ts'
import { rejectUnsupported } from './webhook.ts'

/** What a pass reads. Nothing of it changes while the pass runs. */
export interface PassInputs extends Lookups {
  readonly source: Pick<Source, 'get' | 'silent'>
  readonly entries: ReadonlyMap<ResourceKey, Entry>
  /** Folded display name -> the webhook whose good spec has it. */
  readonly names: ReadonlyMap<string, ResourceKey>
  /** Called for a resource that could not be judged because of a bug; it is left as it was. */
  readonly onBug: (key: ResourceKey, error: Error) => void
}

/** What a pass makes of its keys. Nothing is applied yet. */
export interface PassResult {
  readonly entries: readonly Entry[]
  readonly removed: readonly ResourceKey[]
}

/** Judges every given key against the rest of the environment. Works the same for a new, changed, unchanged or restored resource. */
export async function runPass(keys: Iterable<ResourceKey>, given: PassInputs): Promise<PassResult> {
  const { subjects, removed } = sortOut(keys, given.source, given.entries)
  const inputs = { ...given, projectExists: remembering(given.projectExists) }
  const losers = contestNames(subjects, removed, inputs)
  const entries: Entry[] = []
  for (const subject of subjects) {
    try {
      entries.push(await judge(subject, losers.get(subject.key), inputs))
    } catch (thrown) {
      // A bug met by one resource must not keep the others from being applied; it stays as it was.
      inputs.onBug(subject.key, toError(thrown))
    }
  }
  return { entries, removed }
}

/** Asks about each project once, however many webhooks select it. */
function remembering(exists: Lookups['projectExists']): Lookups['projectExists'] {
  const known = new Map<string, Promise<boolean>>()
  return (entry) => {
    const answer = known.get(entry) ?? exists(entry)
    known.set(entry, answer)
    return answer
  }
}

function contestNames(
  subjects: readonly Subject[],
  removed: readonly ResourceKey[],
  inputs: PassInputs,
): ReadonlyMap<ResourceKey, ResourceKey> {
  const claims = subjects.flatMap((subject) => claimOf(subject))
  // A new object holds nothing yet, whatever a deleted one of its name held.
  const fresh = subjects.flatMap(({ key, known }) => (known ? [] : [key]))
  const inPass = new Set<ResourceKey>([...claims.map((claim) => claim.key), ...fresh, ...removed])
  return resolveNames(claims, (folded) => {
    const holder = inputs.names.get(folded)
    return holder !== undefined && !inPass.has(holder) ? holder : undefined
  })
}

function claimOf({ key, known, document }: Subject): NameClaim[] {
  if (document?.kind !== 'Webhook' || !document.spec || rejectUnsupported(document.spec)) return []
  const wanted = effectiveWebhook(document.metadata.name, document.spec).displayName
  return [
    {
      key,
      held: known && heldName(known),
      wanted,
      since: document.metadata.creationTimestamp,
      tiebreak: document.metadata.creationTimestamp === undefined ? document.origin.file : document.metadata.name,
    },
  ]
}
