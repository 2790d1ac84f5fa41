import type { Fragment } from './conditions.ts'
import { textInTime } from './deadline.ts'

/**
 * Looks for a part of a text, without case, by SQLite's own functions alone: what a function of ours is given stays in memory until
 * the statement ends, which a hundred long texts fill. SQLite folds ASCII; the other letters of the needle are folded one by one.
 */
export function containsSql(sql: string, needle: string, found: '> 0' | '= 0' | '= 1', timed: boolean): Fragment {
  const folded = foldText(needle)
  const replaced = [...new Set(folded)].flatMap((letter) => otherForms(letter).map((form) => [form, letter]))
  const text = replaced.reduce((inner) => `replace(${inner}, ?, ?)`, `lower(${sql})`)
  const passes = `instr(${text}, ?) ${found}`
  // Not `AND`, of which SQLite may ask the second part first.
  const bounded = timed ? `CASE WHEN ${textInTime(sql, 1 + replaced.length)} THEN ${passes} END` : passes
  return { sql: bounded, values: [...replaced.flat(), folded] }
}

/** Forms of a letter besides its usual capital. */
const IRREGULAR: Readonly<Record<string, string>> = { σ: 'ς', ß: '\u1e9e', å: '\u212b', ω: '\u2126' }

/** How else a letter beyond ASCII is written: none for most scripts, one for most letters. */
function otherForms(letter: string): string[] {
  if (isAscii(letter)) return []
  const forms = [letter.toUpperCase(), IRREGULAR[letter] ?? letter]
  return forms.filter((form) => form !== letter && [...form].length === 1 && !isAscii(form))
}

function foldText(text: string): string {
  return Array.from(text, foldLetter).join('')
}

/** A letter stays as it is unless `otherForms` finds it again. */
function foldLetter(letter: string): string {
  const lower = letter === 'ς' ? 'σ' : letter.toLowerCase()
  return isAscii(letter) || otherForms(lower).includes(letter) ? lower : letter
}

function isAscii(letter: string): boolean {
  return letter < '\x80'
}

/** How often the text is gone through, for limits: once, and once more for every form that is folded. */
export function passesOver(needle: string): number {
  return 1 + [...new Set(foldText(needle))].reduce((sum, letter) => sum + otherForms(letter).length, 0)
}
