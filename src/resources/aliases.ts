import { isAlias, isMap, isNode, isSeq, type Alias, type Node } from 'yaml'
import type { YamlDocument } from './yaml-text.ts'

/** What each alias of a document stands for. */
export type AliasTargets = ReadonlyMap<Alias, Node>

/** One pass in document order (the library's `resolve` makes one per alias): an alias means the last anchor of its name before it. */
export function aliasTargets(document: YamlDocument): AliasTargets {
  const anchors = new Map<string, Node>()
  const targets = new Map<Alias, Node>()
  const stack: unknown[] = [document.contents]
  while (stack.length > 0) {
    const node = stack.pop()
    if (!isNode(node)) continue
    if (isAlias(node)) {
      const target = anchors.get(node.source)
      if (target) targets.set(node, target)
      continue
    }
    if (node.anchor !== undefined) anchors.set(node.anchor, node)
    for (const child of childrenReversed(node)) stack.push(child)
  }
  return targets
}

function childrenReversed(node: Node): unknown[] {
  if (isMap(node)) return node.items.flatMap((pair) => [pair.key, pair.value]).reverse()
  if (isSeq(node)) return [...node.items].reverse()
  return []
}
