import { isAlias, isMap, isNode, isScalar, isSeq, Scalar, type Node, type Pair } from 'yaml'
import { aliasTargets } from './aliases.ts'
import type { Path } from './finding.ts'
import type { YamlDocument } from './yaml-text.ts'

export interface Place {
  readonly line: number
  readonly column: number
}

/** Turns offsets into lines and columns (from 1); the lines are counted only once somebody asks. */
export class LineIndex {
  readonly #text: string
  #starts: number[] | undefined

  constructor(text: string) {
    this.#text = text
  }

  place(offset: number): Place {
    const starts = (this.#starts ??= lineStarts(this.#text))
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
  }
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

/** Offset of the field at `path` below `root`, of its key or its value; of the nearest field above it that exists, if it does not. */
export function offsetOf(document: YamlDocument, root: Node, path: Path, target: 'key' | 'value'): number {
  let node: unknown = root
  let offset = root.range?.[0] ?? 0
  for (const [index, step] of path.entries()) {
    if (isAlias(node)) node = aliasTargets(document).get(node)
    const next = stepInto(node, step)
    if (!next) return offset
    const last = index === path.length - 1
    offset = (last && target === 'key' ? next.key : next.value) ?? next.key ?? offset
    if (!last) offset = next.key ?? offset
    node = next.node
  }
  return offset
}

/** How the plain scalar at `path` is written; undefined if it is none, or an alias to one. */
export function scalarSource(document: YamlDocument, root: Node, path: Path): string | undefined {
  let node: unknown = root
  for (const step of path) {
    if (isAlias(node)) node = aliasTargets(document).get(node)
    node = stepInto(node, step)?.node
  }
  return isScalar(node) && node.type === Scalar.PLAIN ? node.source : undefined
}

interface Step {
  readonly node: unknown
  readonly key: number | undefined
  readonly value: number | undefined
}

function stepInto(node: unknown, step: string | number): Step | undefined {
  if (isSeq(node) && typeof step === 'number') {
    const item = node.items[step]
    return isNode(item) ? { node: item, key: item.range?.[0], value: item.range?.[0] } : undefined
  }
  if (!isMap(node)) return undefined
  // The last one counts, as in the value read.
  const pair = node.items.findLast((candidate) => keyText(candidate) === step)
  return pair && { node: pair.value, key: start(pair.key), value: start(pair.value) }
}

function start(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}

function keyText(pair: Pair): string | undefined {
  if (!isScalar(pair.key)) return undefined
  return typeof pair.key.value === 'string' ? pair.key.value : (pair.key.source ?? String(pair.key.value))
}
