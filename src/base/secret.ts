import { inspect } from 'node:util'

const MASK = '[secret]'

/** A secret's text. Every accidental way of printing it gives a mask; only `reveal()` gives the value. */
export class SecretValue {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  reveal(): string {
    return this.#text
  }

  equals(other: SecretValue): boolean {
    return this.#text === other.#text
  }

  toString(): string {
    return MASK
  }

  toJSON(): string {
    return MASK
  }

  [inspect.custom](): string {
    return MASK
  }
}

/** Replaces every occurrence of the given secrets in `text`: a receiver may echo back what it was sent. */
export function maskSecrets(text: string, secrets: readonly SecretValue[]): string {
  let masked = text
  for (const secret of secrets) {
    const value = secret.reveal()
    if (value.length > 0) masked = masked.replaceAll(value, MASK)
  }
  return masked
}
