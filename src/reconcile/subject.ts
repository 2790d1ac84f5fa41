import { canonicalHash, switchedOff } from '../resources/canonical.ts'
import { problemText } from '../resources/problem.ts'
import type { Document, ResourceKey } from '../resources/resource.ts'
import type { Source } from '../resources/source.ts'
import type { Desired, Good, Rejection } from './desired.ts'
import type { Entry } from './entry.ts'

/** One resource as a pass finds it: its document, or what is remembered of it while its origin is silent. */
export interface Subject {
  readonly key: ResourceKey
  readonly known: Entry | undefined
  readonly document: Document | undefined
  readonly generation: number
  readonly specHash: string
}

/** Tells the keys that are there, or are kept while their origin is silent, from those that are gone. */
export function sortOut(
  keys: Iterable<ResourceKey>,
  source: Pick<Source, 'get' | 'silent'>,
  entries: ReadonlyMap<ResourceKey, Entry>,
): { subjects: Subject[]; removed: ResourceKey[] } {
  const subjects: Subject[] = []
  const removed: ResourceKey[] = []
  for (const key of keys) {
    const document = source.get(key)
    const known = knownOf(document, entries.get(key))
    if (document) subjects.push(observe(key, document, known))
    else if (known && source.silent(known.record.origin)) {
      subjects.push({
        key,
        known,
        document: undefined,
        generation: known.record.generation,
        specHash: known.record.specHash,
      })
    } else if (known) removed.push(key)
  }
  return { subjects, removed }
}

/** What is known of a deleted object says nothing of another one that has its name by now. */
function knownOf(document: Document | undefined, known: Entry | undefined): Entry | undefined {
  const [uid, knownUid] = [document?.metadata.uid, known?.record.uid]
  return uid !== undefined && knownUid !== undefined && uid !== knownUid ? undefined : known
}

/** In file mode nobody counts generations for us: they start at 1 and rise when the canonical spec changes. */
function observe(key: ResourceKey, document: Document, known: Entry | undefined): Subject {
  if (known && known.document === document) {
    return { key, known, document, generation: known.record.generation, specHash: known.record.specHash }
  }
  const specHash = canonicalHash(document.rawSpec)
  const counted = known === undefined ? 1 : known.record.generation + (known.record.specHash === specHash ? 0 : 1)
  return { key, known, document, generation: document.metadata.generation ?? counted, specHash }
}

/** Without a document, what was in force stays desired; whether it was the newest is told by the generations. */
export function desire<S>(
  subject: Subject,
  spec: S | undefined,
  rejection: Rejection | undefined,
  lastGood: Good<S> | undefined,
): Desired<S> {
  const { generation, document } = subject
  if (document)
    return {
      generation,
      spec: rejection ? undefined : spec,
      rejection,
      switchedOff: switchedOff(document.rawSpec),
      lastGood,
    }
  const current = lastGood !== undefined && lastGood.generation === generation
  return {
    generation,
    spec: current ? lastGood.spec : undefined,
    rejection: current ? undefined : rememberedRejection(subject),
    switchedOff: subject.known?.record.switchedOff ?? false,
    lastGood,
  }
}

const REJECTIONS: readonly string[] = [
  'InvalidSpec',
  'NameConflict',
  'UnsupportedValue',
] satisfies Rejection['reason'][]

function rememberedRejection(subject: Subject): Rejection {
  const accepted = subject.known?.status.conditions.find((condition) => condition.type === 'Accepted')
  const known = accepted !== undefined && REJECTIONS.includes(accepted.reason)
  return {
    reason: known ? (accepted.reason as Rejection['reason']) : 'InvalidSpec',
    message: accepted?.message ?? 'The spec was not valid when it was last seen.',
  }
}

/** Every problem, with its place: a file is named once, a cluster has none to name. */
export function rejectInvalid(document: Document | undefined): Rejection | undefined {
  if (!document || document.problems.length === 0) return undefined
  const inFile = document.metadata.generation === undefined
  const told = document.problems.map((problem, index) => {
    const { file, line, column, hint } = problem
    const place = !inFile ? '' : index === 0 ? `${file}:${line}:${column}: ` : `${line}:${column}: `
    return `${place}${problemText(problem)}${hint ? ` (${hint})` : ''}`
  })
  return { reason: 'InvalidSpec', message: told.join('; ') }
}
