/**
 * Remembers the JSON of a representation for as long as what it was rendered from stays: rows are immutable and, while they
 * are kept in memory, the same objects, so identity decides. Entries go when their row does; those of a name, which is for rows that
 * change all the time in what the text leaves out, when newer ones need the room. What is large is rendered each time, as there are
 * thousands of rows.
 */
export interface JsonMemo {
  /** `variant` tells representations of one row, or name, apart; `sources` is everything else the text depends on. */
  json(of: object | string, variant: string, sources: readonly unknown[], render: () => object | string): string
}

const TEXT_MAX = 32 * 1024
const SOURCES_MAX = 200
/** Of all that is remembered by name, in characters. A long text with its HTML is among it: rendering that takes milliseconds. */
const NAMED_CHARS_MAX = 16 * 1024 * 1024
const NAMED_TEXT_MAX = 256 * 1024

interface Entry {
  readonly variant: string
  /** Objects stand as their numbers: to remember what a text shows must not keep it in memory, long as it may be. */
  readonly sources: readonly unknown[]
  readonly text: string
}

/** What is remembered of a row goes with the row. */
type Entries = Pick<Map<object | string, Entry>, 'get' | 'set' | 'delete'>

export function createJsonMemo(): JsonMemo {
  const byRow = new WeakMap<object, Entry>() as unknown as Entries
  const byName = createNamed()
  const numbers = createNumbers()
  return {
    json(of, variant, sources, render) {
      const entries = typeof of === 'string' ? byName : byRow
      const entry = entries.get(of)
      if (entry && entry.variant === variant && numbers.areSame(entry.sources, sources)) return entry.text
      const rendered = render()
      const text = typeof rendered === 'string' ? rendered : JSON.stringify(rendered)
      entries.delete(of)
      const most = typeof of === 'string' ? NAMED_TEXT_MAX : TEXT_MAX
      if (text.length <= most && sources.length <= SOURCES_MAX)
        entries.set(of, { variant, sources: numbers.of(sources), text })
      return text
    },
  }
}

/** An object has one number as long as it lives, and no other ever has the same. Halves: no column of a row holds one. */
function createNumbers() {
  const numbers = new WeakMap<object, number>()
  let last = 0.5
  const numberOf = (object: object) => {
    const known = numbers.get(object)
    if (known !== undefined) return known
    last += 1
    numbers.set(object, last)
    return last
  }
  return {
    of: (sources: readonly unknown[]) => sources.map((source) => (isObject(source) ? numberOf(source) : source)),
    areSame: (numbered: readonly unknown[], sources: readonly unknown[]) =>
      numbered.length === sources.length &&
      sources.every((source, i) => (isObject(source) ? numbers.get(source) : source) === numbered[i]),
  }
}

function isObject(source: unknown): source is object {
  return typeof source === 'object' && source !== null
}

/** A map whose oldest entries go when the texts become too long together. */
function createNamed(): Entries {
  const entries = new Map<object | string, Entry>()
  let chars = 0
  const remove = (name: object | string) => {
    chars -= entries.get(name)?.text.length ?? 0
    return entries.delete(name)
  }
  return {
    get: (name) => entries.get(name),
    delete: remove,
    set(name, entry) {
      chars += entry.text.length
      for (const oldest of entries.keys()) {
        if (chars <= NAMED_CHARS_MAX) break
        remove(oldest)
      }
      return entries.set(name, entry)
    },
  }
}
