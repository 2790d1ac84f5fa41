/**
 * Remembers the JSON of a representation for as long as what it was rendered from stays: rows are immutable and, while they
 * are kept in memory, the same objects, so identity decides. Entries go when their row does; those of a name, which is for rows that
 * change all the time in what the text leaves out, when newer ones need the room. What is large is rendered each time: a work
 * package with a thousand children would keep them all, and there are thousands of rows.
 */
export interface JsonMemo {
  /** `variant` tells representations of one row, or name, apart; `sources` is everything else the text depends on. */
  json(of: object | string, variant: string, sources: readonly unknown[], render: () => object | string): string
}

const TEXT_MAX = 32 * 1024
const SOURCES_MAX = 200
const NAMED_MAX = 2_000

interface Entry {
  readonly variant: string
  readonly sources: readonly unknown[]
  readonly text: string
}

export function createJsonMemo(): JsonMemo {
  const byRow = new WeakMap<object, Entry>()
  const byName = new Map<string, Entry>()
  const entryOf = (of: object | string) => (typeof of === 'string' ? byName.get(of) : byRow.get(of))
  const keep = (of: object | string, entry: Entry) => {
    if (typeof of !== 'string') return void byRow.set(of, entry)
    const oldest = byName.keys().next()
    if (byName.size >= NAMED_MAX && !oldest.done) byName.delete(oldest.value)
    byName.set(of, entry)
  }
  const forget = (of: object | string) => (typeof of === 'string' ? byName.delete(of) : byRow.delete(of))
  return {
    json(of, variant, sources, render) {
      const entry = entryOf(of)
      if (entry && entry.variant === variant && sameItems(entry.sources, sources)) return entry.text
      const rendered = render()
      const text = typeof rendered === 'string' ? rendered : JSON.stringify(rendered)
      if (text.length <= TEXT_MAX && sources.length <= SOURCES_MAX) keep(of, { variant, sources, text })
      else forget(of)
      return text
    },
  }
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index])
}
