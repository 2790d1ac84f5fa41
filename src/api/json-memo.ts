/**
 * Remembers the JSON of a representation for as long as what it was rendered from stays: rows are immutable and, while they
 * are kept in memory, the same objects, so identity decides. Entries go when their row does.
 */
export interface JsonMemo {
  /** `variant` tells representations of one row apart; `sources` is everything else the text depends on. */
  json(row: object, variant: string, sources: readonly unknown[], render: () => object | string): string
}

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
      entries.set(row, { variant, sources, text })
      return text
    },
  }
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index])
}
