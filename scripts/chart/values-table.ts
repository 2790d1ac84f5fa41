import { LineCounter, isMap, isNode, isScalar, parseDocument, stringify, type Pair, type YAMLMap } from 'yaml'

export interface DocumentedValue {
  /** `image.tag` */
  readonly path: string
  /** As YAML, in one line. */
  readonly default: string
  readonly description: string
}

/**
 * What a values.yaml documents: a value with a comment above it is one row, whatever it holds; one without is a section, and its values
 * are rows. Throws on a value that nobody documented.
 */
export function documentedValues(text: string): DocumentedValue[] {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter })
  const lines = text.split('\n')

  const commentAbove = (pair: Pair): string => {
    const range = isScalar(pair.key) ? pair.key.range : undefined
    let line = lineCounter.linePos(range?.[0] ?? 0).line - 2
    const found: string[] = []
    for (; /^\s*#/.test(lines[line] ?? ''); line -= 1) found.unshift((lines[line] ?? '').replace(/^\s*# ?/, ''))
    return found.join(' ')
  }
  const rowsOf = (map: YAMLMap, parent: string): DocumentedValue[] =>
    map.items.flatMap((pair) => {
      const path = `${parent}${String(isScalar(pair.key) ? pair.key.value : pair.key)}`
      const description = commentAbove(pair)
      if (description !== '') return [{ path, default: inOneLine(pair.value), description }]
      if (isMap(pair.value) && pair.value.items.length > 0) return rowsOf(pair.value, `${path}.`)
      throw new Error(`values.yaml: ${path} has no comment that says what it is`)
    })
  if (!isMap(document.contents)) throw new Error('values.yaml holds no values')
  return rowsOf(document.contents, '')
}

function inOneLine(node: unknown): string {
  const value = isNode(node) ? (node.toJSON() as unknown) : null
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, singleQuote: true }).trim()
}

/** A table of Markdown. */
export function valuesTable(text: string): string {
  const cell = (content: string) => content.replaceAll('|', '\\|')
  const rows = documentedValues(text).map(
    ({ path, default: value, description }) => `| \`${path}\` | \`${cell(value)}\` | ${cell(description)} |`,
  )
  return ['| value | default | |', '|---|---|---|', ...rows].join('\n')
}
