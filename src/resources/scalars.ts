/**
 * Plain scalars that kubectl (whose YAML library follows YAML 1.1 in parts, measured with kubectl 1.35) and YAML 1.2 read
 * differently, and the few that only look as if they did. The same document must mean the same in a cluster and in a file, so
 * they are refused. A test compares every short scalar over the alphabet of numbers with the real kubectl.
 */

const BOOLEAN_WORD = /^(?:y|yes|on|n|no|off)$/i
const TRUE_WORD = /^(?:y|yes|on)$/i
/** Every first character an ambiguous scalar can have: most scalars are told apart by it alone. */
const SUSPECT_START = /^[-+.0-9yno<]/i
const NUMBER = /^[-+]?(?:0b[-+]?[01]+|0o[0-7]+|0x[0-9a-f]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?)$/i
const BINARY = /^[-+]?0b/i
/** YAML 1.2 knows `0o17` and `0x1F`; with a sign or an upper-case letter kubectl alone reads a number. */
const RADIX_VARIANT = /^(?:[-+]0[ox]|0[OX])/i
const RADIX_CORE = /^0[ox]/
const LEADING_ZERO = /^[-+]?0[0-9]+$/

export interface Ambiguity {
  /** What kubectl makes of it, as it would be written without doubt; undefined when neither makes sense. */
  readonly plain: string | undefined
}

/** Why the plain scalar `source`, which YAML 1.2 reads as `value`, is refused; undefined when all read it alike. */
export function ambiguityOf(source: string, value: unknown): Ambiguity | undefined {
  if (!SUSPECT_START.test(source)) return undefined
  if (BOOLEAN_WORD.test(source)) return { plain: TRUE_WORD.test(source) ? 'true' : 'false' }
  if (source === '<<') return { plain: undefined }
  if (typeof value === 'number') return ambiguousNumber(source, value)
  return ambiguousText(source)
}

function ambiguousNumber(source: string, value: number): Ambiguity | undefined {
  if (!Number.isFinite(value)) return { plain: undefined }
  if (LEADING_ZERO.test(source)) return { plain: decimal(source) }
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return { plain: undefined }
  return undefined
}

/** Text to YAML 1.2, a number to kubectl. */
function ambiguousText(source: string): Ambiguity | undefined {
  const digits = source.replaceAll('_', '')
  if (!NUMBER.test(digits)) return undefined
  const isVariant = digits !== source || BINARY.test(source) || (RADIX_VARIANT.test(source) && !RADIX_CORE.test(source))
  return isVariant ? { plain: decimal(digits) } : undefined
}

/** The number kubectl reads, in decimal. */
function decimal(digits: string): string | undefined {
  const sign = digits.startsWith('-') ? '-' : ''
  const unsigned = digits.replace(/^[-+]/, '').toLowerCase()
  const value = Number(/^0[0-7]+$/.test(unsigned) ? `0o${unsigned.slice(1)}` : unsigned)
  return Number.isSafeInteger(value) ? `${sign}${value}` : undefined
}
