import { Lexer, Parser, type CST } from 'yaml'
import type { TextFault } from './yaml-text.ts'

/** A person mends the first few syntax errors; the rest are usually their echo. */
export const SYNTAX_ERRORS_MAX = 20
/** 1 MiB of the densest resources has about 600,000 (a list of projects, one short name a line). */
export const LEXEMES_MAX = 750_000
const DIRECTIVES_MAX = 1000

const SCALAR_FOLLOWS = '\u001f'
const BLANK = /^(?:[ \t]+|\r?\n|#.*)$/
const OPENING = /^[,[{]$/

/**
 * Reads a text as YAML tokens, one at a time, until `take` wants no more. The library's own loop ends with the text, and makes an
 * error object for every stray bracket or comma: a million of them stop the program for seconds. Here reading ends with the first
 * few. Returns why, unless the tokens tell it themselves (as tokens of type `error`).
 */
export function readTokens(text: string, take: (token: CST.Token) => boolean): TextFault | undefined {
  const parser = new Parser()
  const emptyItems = emptyItemCounter()
  const wanted = errorLimit(take)
  let lexemes = 0
  let directives = 0
  for (const lexeme of new Lexer().lex(text)) {
    if (++lexemes > LEXEMES_MAX) return tooMany(parser.offset, `${LEXEMES_MAX} YAML tokens`)
    if (lexeme.startsWith('%') && ++directives > DIRECTIVES_MAX)
      return tooMany(parser.offset, `${DIRECTIVES_MAX} lines that begin with %`)
    const empty = emptyItems(lexeme, parser.offset)
    if (empty !== undefined) return empty
    for (const token of parser.next(lexeme)) if (!wanted(token)) return undefined
  }
  for (const token of parser.end()) if (!wanted(token)) return undefined
  return undefined
}

function tooMany(offset: number, what: string): TextFault {
  return { offset, message: `the file has more than ${what}`, hint: 'Split it into several files.' }
}

function errorLimit(take: (token: CST.Token) => boolean): (token: CST.Token) => boolean {
  let errors = 0
  return (token) => take(token) && (token.type !== 'error' || ++errors < SYNTAX_ERRORS_MAX)
}

/** Counts commas with nothing before them: each is an error, but the parser tells it only once the list has ended. */
function emptyItemCounter(): (lexeme: string, offset: number) => TextFault | undefined {
  let previous = ''
  let count = 0
  let first = 0
  return (lexeme, offset) => {
    // Text after its mark may look like anything.
    const isText = previous === SCALAR_FOLLOWS
    if (!isText && BLANK.test(lexeme)) return undefined
    const isEmpty = !isText && lexeme === ',' && OPENING.test(previous)
    previous = isText ? '' : lexeme
    if (!isEmpty) return undefined
    if (count++ === 0) first = offset
    if (count < SYNTAX_ERRORS_MAX) return undefined
    return { offset: first, message: 'not valid YAML: a comma with nothing before it', hint: 'Remove it.' }
  }
}
