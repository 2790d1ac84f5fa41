import { isRecord } from './finding.ts'
import type { Problem, ProblemCode } from './problem.ts'
import type { Document, Origin } from './resource.ts'

/**
 * Problems that no document has alone: a kind and name given twice, a display name taken. The first by file, then by line, is the
 * holder; the others get a problem naming its place.
 */
export function checkEnvironment(documents: Iterable<Document>): Problem[] {
  const holders = new Map<string, Document>()
  const displayNames = new Map<string, Document>()
  const problems: Problem[] = []
  for (const document of [...documents].sort(byOrigin)) {
    const holder = holders.get(document.key)
    if (holder) {
      problems.push(duplicate(document, holder))
      continue
    }
    holders.set(document.key, document)
    if (document.kind !== 'Webhook') continue
    const name = displayNameKey(document)
    const taken = displayNames.get(name)
    if (taken) problems.push(nameConflict(document, taken))
    else displayNames.set(name, document)
  }
  return problems
}

/** What display names are compared by: ignoring case, `metadata.name` where none is written. */
export function displayNameKey({ metadata, rawSpec }: Pick<Document, 'metadata' | 'rawSpec'>): string {
  const written = isRecord(rawSpec) ? rawSpec['displayName'] : undefined
  return (typeof written === 'string' ? written : metadata.name).toLowerCase()
}

/** The problem of a document whose kind and name `holder` has already. */
export function duplicate(document: Document, holder: Document): Problem {
  const message = `${document.key} is already defined at ${at(holder.origin)}`
  return problem(document, 'metadata.name', 'DuplicateResource', message, 'Rename or remove one of the two.')
}

function nameConflict(document: Document, holder: Document): Problem {
  const message = `the display name of ${document.key} is that of ${holder.key} at ${at(holder.origin)}, ignoring case`
  return problem(document, 'spec.displayName', 'NameConflict', message, 'Give one of them another displayName.')
}

function problem({ origin }: Document, path: string, code: ProblemCode, message: string, hint: string): Problem {
  return { file: origin.file, line: origin.line, column: 1, path, code, message, hint }
}

function at({ file, line }: Origin): string {
  return `${file}:${line}`
}

function byOrigin(a: Document, b: Document): number {
  if (a.origin.file !== b.origin.file) return a.origin.file < b.origin.file ? -1 : 1
  return a.origin.line - b.origin.line
}
