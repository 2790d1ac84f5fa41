import {
  type Alias,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  Scalar,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import { aliasTargets, type AliasTargets } from './aliases.ts'
import type { Finding, Path } from './finding.ts'
import { ambiguityOf, type Ambiguity } from './scalars.ts'
import type { YamlDocument } from './yaml-text.ts'

const DEPTH_MAX = 64
/** Values read from one document, aliases followed: what keeps an alias bomb small. */
const VALUES_MAX = 200_000
const STRING_TAG = 'tag:yaml.org,2002:str'

/** A plain scalar that is refused, with the path to it: the hint depends on the field's type. */
export interface AmbiguousValue {
  readonly path: Path
  readonly source: string
  readonly ambiguity: Ambiguity
  readonly target: 'key' | 'value'
  readonly offset: number | undefined
}

export interface NodeValue {
  /** JSON values only; objects have no prototype surprises (`__proto__` is a key like any other). */
  readonly value: unknown
  readonly findings: readonly Finding[]
  readonly ambiguous: readonly AmbiguousValue[]
}

interface Reader {
  readonly document: YamlDocument
  /** Undefined until the first alias is met: most documents have none. */
  aliases: AliasTargets | undefined
  readonly findings: Finding[]
  readonly ambiguous: AmbiguousValue[]
  readonly path: (string | number)[]
  readonly skip: (path: Path) => boolean
  /** Anchors being read: an alias to one of them would never end. */
  readonly open: Set<Node>
  values: number
}

/** Thrown inside this file only: the document means nothing, or reading on would not end in bounded time. */
class Meaningless extends Error {
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/**
 * Reads a node as JSON, telling duplicate keys, ambiguous scalars and unsupported features. A finding with code `Unparsable`
 * means that there is no value. `skip` names paths not to be read.
 */
export function readNode(document: YamlDocument, node: Node, skip: (path: Path) => boolean): NodeValue {
  const reader: Reader = {
    document,
    aliases: undefined,
    findings: [],
    ambiguous: [],
    path: [],
    skip,
    open: new Set(),
    values: 0,
  }
  checkDirectives(reader)
  let value: unknown
  try {
    value = readAny(reader, node)
  } catch (thrown) {
    if (!(thrown instanceof Meaningless)) throw thrown
    reader.findings.push({ path: [...reader.path], code: 'Unparsable', message: thrown.message, hint: thrown.hint })
  }
  return { value, findings: reader.findings, ambiguous: reader.ambiguous }
}

function checkDirectives({ document, findings }: Reader): void {
  if (!document.directives.yaml.explicit && Object.keys(document.directives.tags).length <= 1) return
  const message = 'a % directive before the document: readers disagree on what it changes'
  findings.push({ path: [], code: 'UnsupportedYaml', message, hint: 'Remove the line.' })
}

function report(reader: Reader, node: unknown, message: string, hint: string): void {
  reader.findings.push({ path: [...reader.path], code: 'UnsupportedYaml', message, hint, offset: offsetOf(node) })
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}

function readAny(reader: Reader, node: unknown): unknown {
  if (++reader.values > VALUES_MAX)
    throw new Meaningless(`more than ${VALUES_MAX} values, aliases followed`, 'Write fewer.')
  if (isScalar(node)) return readScalar(reader, node)
  if (reader.path.length > DEPTH_MAX) throw new Meaningless(`nested more than ${DEPTH_MAX} deep`, 'Flatten it.')
  if (isAlias(node)) return readAlias(reader, node)
  if (isMap(node)) return readMap(reader, node)
  if (isSeq(node)) return readSeq(reader, node)
  return null
}

function readAlias(reader: Reader, alias: Alias): unknown {
  reader.aliases ??= aliasTargets(reader.document)
  const target = reader.aliases.get(alias)
  const name = alias.source.slice(0, 60)
  if (!target)
    throw new Meaningless(`the alias *${name} names no anchor before it`, `Write &${name} at the value meant.`)
  if (reader.open.has(target)) throw new Meaningless(`the alias *${name} contains itself`, 'Write the values out.')
  reader.open.add(target)
  const value = readAny(reader, target)
  reader.open.delete(target)
  return value
}

function readSeq(reader: Reader, seq: YAMLSeq): unknown {
  reportTag(reader, seq)
  return seq.items.map((item, index) => {
    reader.path.push(index)
    const value = readAny(reader, item)
    reader.path.pop()
    return value
  })
}

function readMap(reader: Reader, map: YAMLMap): unknown {
  reportTag(reader, map)
  const value: Record<string, unknown> = {}
  for (const pair of map.items) {
    if (!isPair(pair)) continue
    const key = readKey(reader, pair)
    reader.path.push(key)
    if (Object.hasOwn(value, key)) reportDuplicate(reader, pair.key)
    if (!reader.skip(reader.path)) define(value, key, readAny(reader, pair.value))
    reader.path.pop()
  }
  return value
}

function reportTag(reader: Reader, node: YAMLMap | YAMLSeq): void {
  if (node.tag !== undefined) report(reader, node, `the tag ${node.tag} is not supported`, 'Remove the tag.')
}

function define(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  else object[key] = value
}

function reportDuplicate(reader: Reader, node: unknown): void {
  reader.findings.push({
    path: [...reader.path],
    code: 'DuplicateKey',
    message: 'the key is written twice',
    hint: 'Keep one.',
    offset: offsetOf(node),
  })
}

/** A key as text. kubectl turns numbers and booleans into text, by rules of its own: only what reads the same stays. */
function readKey(reader: Reader, pair: Pair): string {
  const { key } = pair
  if (!isScalar(key)) {
    report(reader, key, 'a key must be text, not a list, a mapping or an alias', 'Write a plain key.')
    return ''
  }
  const source = key.source ?? String(key.value)
  reader.path.push(typeof key.value === 'string' ? key.value : source)
  const value = readScalar(reader, key, 'key')
  if (typeof value !== 'string' && (value === null || JSON.stringify(value) !== source))
    report(reader, key, `the key ${source === '' ? '(empty)' : source} is not text`, 'Quote it.')
  reader.path.pop()
  return typeof value === 'string' ? value : source
}

function readScalar(reader: Reader, scalar: Scalar, target: 'key' | 'value' = 'value'): unknown {
  if (scalar.tag !== undefined && scalar.tag !== STRING_TAG) {
    report(reader, scalar, `the tag ${scalar.tag} is not supported`, 'Remove the tag, or use !!str.')
    return typeof scalar.value === 'object' ? null : scalar.value
  }
  const { value } = scalar
  if (scalar.type === Scalar.PLAIN) {
    if (scalar.tag === undefined) checkPlain(reader, scalar, target)
  } else if (typeof value === 'string' && !value.isWellFormed()) {
    report(reader, scalar, 'half of a surrogate pair is not a character', 'Write the whole character.')
  }
  // JSON has no negative zero.
  return value === 0 ? 0 : value
}

function checkPlain(reader: Reader, scalar: Scalar, target: 'key' | 'value'): void {
  const source = scalar.source ?? ''
  const ambiguity = ambiguityOf(source, scalar.value)
  if (ambiguity) reader.ambiguous.push({ path: [...reader.path], source, ambiguity, target, offset: offsetOf(scalar) })
}
