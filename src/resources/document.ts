import { formatPath, isRecord, printable, type Finding } from './finding.ts'
import { judge, warnings } from './judge.ts'
import { isKind } from './kinds.ts'
import { isSubdomain } from './metadata.ts'
import type { Notice, Problem } from './problem.ts'
import { resourceKey, type Document, type Kind, type Origin, type ResourceMetadata } from './resource.ts'
import { API_VERSION } from './vocabulary.ts'

/** A document of ours from its object, once its problems have their places. */
export function toDocument(
  kind: Kind,
  object: Readonly<Record<string, unknown>>,
  metadata: ResourceMetadata,
  told: { origin: Origin; problems: readonly Problem[]; notices: readonly Notice[] },
): Document {
  const rawSpec = object['spec']
  const common = {
    key: resourceKey(kind, metadata.name),
    metadata,
    origin: told.origin,
    notices: told.notices,
    rawSpec,
  }
  const [first, ...rest] = told.problems
  if (first) return { ...common, kind, spec: undefined, problems: [first, ...rest] }
  // The schema check found nothing wrong: the spec is of the kind's type.
  return { ...common, kind, spec: rawSpec, problems: [] } as Document
}

/** The name, if a resource can have it. */
export function usableName(object: Readonly<Record<string, unknown>>): string | undefined {
  const { metadata } = object
  if (!isRecord(metadata)) return undefined
  const { name } = metadata
  return typeof name === 'string' && isSubdomain(name) ? name : undefined
}

const NO_TEXTS: Readonly<Record<string, string>> = {}

/** Text values only: anything else is a problem of its own. */
export function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value)) return NO_TEXTS
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

/**
 * A document from an object of the API server, judged by the same rules as a file. `file` is `namespace/name`. Undefined for what is
 * not ours; the server's own fields in it are trusted.
 */
export function documentFromObject(object: unknown, file: string): Document | undefined {
  if (!isRecord(object) || object['apiVersion'] !== API_VERSION || !isKind(object['kind'])) return undefined
  const name = usableName(object)
  if (name === undefined) return undefined
  const kind = object['kind']
  const problems = judge(kind, object).map((finding) => placed(finding, file))
  const notices = warnings(kind, object).map((finding) => ({ ...placed(finding, file), severity: 'warning' as const }))
  const metadata = clusterMetadata(name, object['metadata'] as Record<string, unknown>)
  return toDocument(kind, object, metadata, { origin: { file, line: 1 }, problems, notices })
}

function clusterMetadata(name: string, metadata: Record<string, unknown>): ResourceMetadata {
  const { generation, creationTimestamp, uid } = metadata
  return {
    name,
    labels: textsOf(metadata['labels']),
    annotations: textsOf(metadata['annotations']),
    generation: typeof generation === 'number' ? generation : undefined,
    creationTimestamp: typeof creationTimestamp === 'string' ? Date.parse(creationTimestamp) : undefined,
    uid: typeof uid === 'string' ? uid : undefined,
  }
}

function placed(finding: Finding, file: string): Problem {
  const { code, message, hint } = finding
  const path = printable(formatPath(finding.path))
  return { file, line: 1, column: 1, path, code, message: printable(message), hint: printable(hint) }
}
