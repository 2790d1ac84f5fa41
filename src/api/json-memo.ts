/**
 * Remembers the JSON of a representation for as long as what it was rendered from stays: rows are immutable and, while they
 * are kept in memory, the same objects, so identity decides. Entries go when their row does. What is large is rendered each time:
 * a work package with a thousand children would keep them all, and there are thousands of rows.
 */
export interface JsonMemo {
  /** `variant` tells representations of one row apart; `sources` is everything else the text depends on. */
  json(row: object, variant: string, sources: readonly unknown[], render: () => object | string): string
}

const TEXT_MAX = 32 * 1024
const SOURCES_MAX = 200

interface Entry {
  readonly variant: string
  readonly sources: readonly unknown[]
  readonly text: string
}

export function createJsonMemo(): JsonMemo {
  const entries = new WeakMap<object, Entry>()
  return {
    json(row, variant, sources, render) {
      const entry = entries.get(row)
      if (entry && entry.variant === variant && sameItems(entry.sources, sources)) return entry.text
      const rendered = render()
      const text = typeof rendered === 'string' ? rendered : JSON.stringify(rendered)
      if (text.length <= TEXT_MAX && sources.length <= SOURCES_MAX) entries.set(row, { variant, sources, text })
      else entries.delete(row)
      return text
    },
  }
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index])
}
