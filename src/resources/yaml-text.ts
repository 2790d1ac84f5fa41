import { isUtf8 } from 'node:buffer'
import type { Document, ParsedNode, YAMLParseError } from 'yaml'
import { toError } from '../base/errors.ts'
import { fail, ok, type Result } from '../base/result.ts'
import { createComposer } from './yaml-composer.ts'
import { readTokens, SYNTAX_ERRORS_MAX } from './yaml-tokens.ts'

export const FILE_BYTES_MAX = 1024 * 1024
export const DOCUMENTS_MAX = 1000

export type YamlDocument = Document.Parsed<ParsedNode>

/** Why a whole file says nothing. `offset` counts UTF-16 units into the text. */
export interface TextFault {
  readonly offset: number
  readonly message: string
  readonly hint: string
}

export interface YamlText {
  readonly text: string
  readonly documents: readonly YamlDocument[]
}

/** The text with its faults, for placing them. */
export interface FaultyText {
  readonly text: string
  readonly faults: readonly TextFault[]
  /** Documents of the file that are whole by themselves: their problems are worth telling too. */
  readonly documents: readonly YamlDocument[]
}

/** Bytes to YAML documents. Refuses what kubectl and YAML 1.2 split or decode differently. */
export function readYaml(bytes: Uint8Array): Result<YamlText, FaultyText> {
  if (bytes.byteLength > FILE_BYTES_MAX) return whole('', 0, tooLargeMessage(bytes.byteLength), TOO_LARGE_HINT)
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = buffer.toString('utf8')
  if (!isUtf8(buffer)) return invalidUtf8(buffer, text)
  const character = forbiddenCharacter(text)
  if (character) return fail({ text, faults: [character], documents: [] })
  return compose(text)
}

export const TOO_LARGE_HINT = 'Split it into several files.'

export function tooLargeMessage(size: number): string {
  return `the file has ${size} bytes; at most ${FILE_BYTES_MAX} (1 MiB) are read`
}

function whole(text: string, offset: number, message: string, hint: string): { ok: false; error: FaultyText } {
  return fail({ text, faults: [{ offset, message, hint }], documents: [] })
}

function invalidUtf8(buffer: Buffer, text: string): { ok: false; error: FaultyText } {
  const again = Buffer.from(text)
  let at = 0
  while (at < buffer.length && buffer[at] === again[at]) at++
  const offset = buffer
    .subarray(0, at)
    .toString('utf8')
    .replace(/\uFFFD+$/, '').length
  return whole(text, offset, `the file is not UTF-8: byte ${at} is out of place`, 'Save it as UTF-8.')
}

/**
 * Not printable in YAML, or a line break to kubectl and not to YAML 1.2 (NEL, LS, PS, a carriage return on its own), or a byte
 * order mark. Written as escapes in double quotes they are fine.
 */
export const FORBIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u2028\u2029\uFEFF\uFFFE\uFFFF]|\r(?!\n)/

function forbiddenCharacter(text: string): TextFault | undefined {
  const offset = text.search(FORBIDDEN)
  if (offset < 0) return undefined
  const code = text.charCodeAt(offset)
  if (code === 0xfeff && offset === 0)
    return { offset, message: 'the file begins with a byte order mark', hint: 'Save it as UTF-8 without BOM.' }
  if (code === 0 && text.charCodeAt(1) === 0)
    return { offset, message: 'the file holds NUL bytes', hint: 'Is it UTF-16 or binary? Save it as UTF-8.' }
  const name = code === 0 ? 'a NUL byte' : `the character U+${code.toString(16).toUpperCase().padStart(4, '0')}`
  return {
    offset,
    message: `the file holds ${name}, which YAML readers refuse or take for a line break`,
    hint: 'Remove it, or write it as an escape in double quotes.',
  }
}

/** kubectl cuts a file at every line that begins with `---` before it reads any YAML, and fails when anything follows on it. */
const SEPARATOR_WITH_CONTENT = /^---(?![ \t]*(?:#.*)?\r?$)/m

function compose(text: string): Result<YamlText, FaultyText> {
  const separator = text.search(SEPARATOR_WITH_CONTENT)
  if (separator >= 0)
    return whole(text, separator, 'nothing may follow --- on its line', 'Put the content on the next line.')
  try {
    return composeTokens(text)
  } catch (thrown) {
    return whole(text, 0, composeFailure(toError(thrown)), 'Flatten it.')
  }
}

function composeTokens(text: string): Result<YamlText, FaultyText> {
  const composer = createComposer()
  const documents: YamlDocument[] = []
  const faults: TextFault[] = []
  /** False: enough was seen. */
  const keep = (composed: Iterable<YamlDocument>): boolean => {
    for (const document of composed) {
      const documentFaults = faultsOf(document, documents.length + faults.length > 0)
      if (documentFaults.length === 0) documents.push(document)
      faults.push(...documentFaults)
    }
    return documents.length <= DOCUMENTS_MAX && faults.length < SYNTAX_ERRORS_MAX
  }
  const fault = readTokens(text, (token) => keep(composer.next(token)))
  if (fault) return fail({ text, faults: [fault], documents: [] })
  // Errors before any document belong to none: one is asked for, to carry them.
  keep(composer.end(true, text.length))
  return judgeComposed(text, documents, faults)
}

function judgeComposed(text: string, documents: YamlDocument[], faults: TextFault[]): Result<YamlText, FaultyText> {
  const beyond = documents[DOCUMENTS_MAX]
  if (beyond) return whole(text, beyond.range[0], `the file has more than ${DOCUMENTS_MAX} documents`, TOO_LARGE_HINT)
  // The errors after it are its echo.
  const deepest = faults.find(({ message }) => message === TOO_DEEP)
  if (deepest) return fail({ text, faults: [deepest], documents: [] })
  return faults.length > 0 ? fail({ text, faults, documents }) : ok({ text, documents })
}

function faultsOf(document: YamlDocument, following: boolean): TextFault[] {
  const faults = document.errors.slice(0, SYNTAX_ERRORS_MAX).map(syntaxFault)
  if (following && document.contents && !document.directives.docStart) {
    faults.push({
      offset: document.contents.range[0],
      message: 'a document after ... must begin with ---; kubectl drops it without a word',
      hint: 'Write --- before it.',
    })
  }
  return faults
}

const TOO_DEEP = 'the file is nested too deeply'

function syntaxFault(error: YAMLParseError): TextFault {
  // The library's recursion met the end of the stack.
  if (error.message.includes('call stack')) return { offset: error.pos[0], message: TOO_DEEP, hint: 'Flatten it.' }
  const tab = error.code === 'TAB_AS_INDENT'
  return {
    offset: error.pos[0],
    message: `not valid YAML: ${error.message.charAt(0).toLowerCase()}${error.message.slice(1)}`,
    hint: tab ? 'Indent with spaces.' : '',
  }
}

function composeFailure(error: Error): string {
  return error instanceof RangeError ? TOO_DEEP : `not valid YAML: ${error.message}`
}
