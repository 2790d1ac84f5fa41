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

/** Drops an end of `text` that may be the beginning of a secret: for texts that were cut somewhere. */
export function dropCutSecret(text: string, secrets: readonly SecretValue[]): string {
  const cut = secrets.map((secret) => cutLength(text, secret.reveal()))
  return text.slice(0, text.length - Math.max(0, ...cut))
}

function cutLength(text: string, secret: string): number {
  let length = Math.min(secret.length - 1, text.length)
  while (length > 0 && !text.endsWith(secret.slice(0, length))) length -= 1
  return Math.max(length, 0)
}
