import { isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml'
import type { Finding } from './finding.ts'
import { isKind, KIND_NAMES } from './kinds.ts'
import { nearest } from './nearest.ts'
import type { Kind } from './resource.ts'
import { API_VERSION, GROUP } from './vocabulary.ts'

/** What a document is to us, told by its `apiVersion` and `kind`. */
export type Classified =
  | { readonly is: 'ours'; readonly kind: Kind; readonly root: YAMLMap }
  /** Certainly meant for us, but for a version there is not. */
  | { readonly is: 'misversioned'; readonly kind: Kind; readonly finding: Finding }
  | { readonly is: 'list'; readonly items: readonly unknown[] }
  | { readonly is: 'foreign'; readonly finding: Finding }
  | { readonly is: 'wrong'; readonly finding: Finding }

export function classify(root: Node): Classified {
  if (!isMap(root)) return foreign('the document is not a mapping', '')
  const apiVersion = textAt(root, 'apiVersion')
  const kind = textAt(root, 'kind')
  const ours = apiVersion?.split('/')[0] === GROUP
  if (isKind(kind)) {
    if (apiVersion === API_VERSION) return { is: 'ours', kind, root }
    const finding = wrongApiVersion(kind, apiVersion)
    // Other products have webhooks, too: what names another group may be one of theirs, and is not taken for the one of ours.
    return ours || apiVersion === undefined ? { is: 'misversioned', kind, finding } : { is: 'wrong', finding }
  }
  if (kind !== undefined && isListKind(kind, ours)) {
    const items = valueAt(root, 'items')
    return isSeq(items) ? { is: 'list', items: items.items } : foreign(`a ${kind} without items`, '')
  }
  if (ours) return unknownKind(kind)
  if (apiVersion === undefined && kind === undefined) return foreign('the document has no apiVersion and kind', '')
  return foreign(`${kind ?? 'no kind'} of ${apiVersion ?? 'no apiVersion'} is not a resource of ${GROUP}`, '')
}

function isListKind(kind: string, ours: boolean): boolean {
  return kind === 'List' || (ours && kind.endsWith('List') && isKind(kind.slice(0, -'List'.length)))
}

function foreign(message: string, hint: string): Classified {
  return { is: 'foreign', finding: { path: [], code: 'NotOurs', message: `skipped: ${message.slice(0, 300)}`, hint } }
}

function wrongApiVersion(kind: Kind, apiVersion: string | undefined): Finding {
  const found = apiVersion === undefined ? 'none' : JSON.stringify(apiVersion.slice(0, 100))
  const message = `must be ${API_VERSION} for ${kind}, found ${found}`
  const hint = `Write apiVersion: ${API_VERSION}`
  return { path: ['apiVersion'], code: 'WrongApiVersion', message, hint }
}

function unknownKind(kind: string | undefined): Classified {
  const known = KIND_NAMES.join(' and ')
  const message =
    kind === undefined ? 'is missing' : `${GROUP} has no kind ${JSON.stringify(kind.slice(0, 100))}, only ${known}`
  const near =
    kind === undefined ? undefined : (nearest(kind.replace(/s$/, ''), KIND_NAMES) ?? nearest(kind, KIND_NAMES))
  const hint = near === undefined ? `Write kind: ${KIND_NAMES.join(' or ')}.` : `Did you mean ${near}?`
  return { is: 'wrong', finding: { path: ['kind'], code: 'UnknownKind', message, hint } }
}

function textAt(map: YAMLMap, field: string): string | undefined {
  const value = valueAt(map, field)
  return isScalar(value) && typeof value.value === 'string' ? value.value : undefined
}

/** The last one counts, as everywhere. */
function valueAt(map: YAMLMap, field: string): unknown {
  return map.items.findLast(({ key }) => isScalar(key) && key.value === field)?.value
}
