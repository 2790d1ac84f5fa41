import { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** JSON of one element, made when it is asked for. */
export type RenderElement = () => string

/**
 * Characters rendered at a stretch, whatever of them is shown. Short texts in Markdown take up to 0.4 us for each; with the element that goes
 * beyond, whose longest text takes 40 ms, that is some 90 ms at worst in which nobody else is answered, and 10 of what people write.
 */
const STRETCH = 128 * 1024

/**
 * JSON of a collection, its elements rendered only when it is their turn. A page of twenty of the longest descriptions comes to sixty
 * megabytes: rendered at once it would hold up everybody for seconds, and stay in memory until the slowest client has taken it.
 */
export class CollectionJson {
  readonly #before: string
  readonly #elements: readonly RenderElement[]
  readonly #after: string
  readonly #shown: (json: string) => string

  /** The elements stand between the two texts, separated by commas; `shown` is what of one is to be seen. */
  constructor(
    before: string,
    elements: readonly RenderElement[],
    after: string,
    shown: (json: string) => string = (json) => json,
  ) {
    this.#before = before
    this.#elements = elements
    this.#after = after
    this.#shown = shown
  }

  /** The whole text if it is short, as almost always; else pieces, each rendered once the client has taken what came before. */
  open(): string | Readable {
    const { text, next } = this.#piece(0, this.#before)
    return next === undefined ? text : Readable.from(this.#pieces(text, next))
  }

  /** Between two pieces others have their turn, however fast the client takes them. */
  async *#pieces(first: string, from: number): AsyncGenerator<string> {
    yield first
    for (let at: number | undefined = from; at !== undefined;) {
      await nextTurn()
      const { text, next } = this.#piece(at, '')
      yield text
      at = next
    }
  }

  /** The text from an element on, behind what is given; `next`: the element that begins the next piece, if this is not the last. */
  #piece(from: number, begun: string): { text: string; next?: number } {
    let text = begun
    let rendered = begun.length
    for (let at = from; at < this.#elements.length; at += 1) {
      if (rendered > STRETCH) return { text, next: at }
      const json = this.#elements[at]?.() ?? ''
      rendered += json.length
      text += `${at > 0 ? ',' : ''}${this.#shown(json)}`
    }
    return { text: text + this.#after }
  }
}
