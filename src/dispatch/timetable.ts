/** Entries by time, the earliest first: a binary heap. An entry may be in it more than once; who takes it out looks what is due. */
export class Timetable<T> {
  readonly #rows: { readonly at: number; readonly entry: T }[] = []

  get size(): number {
    return this.#rows.length
  }

  /** Time of the earliest entry, or Infinity. */
  get next(): number {
    return this.#rows[0]?.at ?? Infinity
  }

  add(at: number, entry: T): void {
    const rows = this.#rows
    const row = { at, entry }
    let hole = rows.push(row) - 1
    while (hole > 0) {
      const parent = (hole - 1) >> 1
      const above = rows[parent]
      if (!above || above.at <= at) break
      rows[hole] = above
      hole = parent
    }
    rows[hole] = row
  }

  /** Takes the earliest entry out if it is due. */
  takeDue(now: number): T | undefined {
    const first = this.#rows[0]
    if (!first || first.at > now) return undefined
    const last = this.#rows.pop()
    if (last && this.#rows.length > 0) this.#sink(last)
    return first.entry
  }

  /** Puts `row` where the top was and lets it sink to its place. */
  #sink(row: { readonly at: number; readonly entry: T }): void {
    const rows = this.#rows
    let hole = 0
    for (;;) {
      const left = 2 * hole + 1
      const right = rows[left + 1]
      const child = right && right.at < (rows[left]?.at ?? Infinity) ? left + 1 : left
      const below = rows[child]
      if (!below || below.at >= row.at) break
      rows[hole] = below
      hole = child
    }
    rows[hole] = row
  }
}
