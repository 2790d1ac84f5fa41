import { Ajv, type AnySchemaObject, type ErrorObject, type SchemaValidateFunction, type ValidateFunction } from 'ajv'
import { describe, formatPath, isRecord, type Finding, type Path } from './finding.ts'
import { nearest } from './nearest.ts'
import { EVENTS } from './vocabulary.ts'

/** Annotations our schemas carry beside JSON Schema: list types for the CRD, and `x-form`, a pattern told in words. */
export const ANNOTATIONS = ['x-kubernetes-list-map-keys', 'x-form'] as const

/** More than are ever told of one document: a hostile one must not cost a hint for each of its 60,000 unknown fields. */
export const FINDINGS_MAX = 200

export const QUOTE_HINT = 'Quote it.'

/** Checks a value, from `base` down, against one schema; told for people. */
export type SchemaCheck = (value: unknown, base: Path) => Finding[]

/** Compiles `schema` once. */
export function schemaCheck(schema: AnySchemaObject): SchemaCheck {
  const validate = compile(schema)
  return (value, base) => {
    if (validate(value)) return []
    const errors = (validate.errors ?? []).slice(0, FINDINGS_MAX)
    return errors.map((error) => finding(error, base)).filter((found) => found !== undefined)
  }
}

function compile(schema: AnySchemaObject): ValidateFunction {
  const ajv = new Ajv({ allErrors: true, strict: true, verbose: true })
  ajv.addVocabulary([...ANNOTATIONS])
  ajv.addKeyword({ keyword: 'x-kubernetes-list-type', type: 'array', validate: listType, errors: 'full' })
  return ajv.compile(schema)
}

/** `set`: every repeated entry is told, not only the first. Lists of type `map` have rules of their own. */
const listType: SchemaValidateFunction = (type: string, list: readonly unknown[]) => {
  if (type !== 'set' || new Set(list).size === list.length) return true
  const seen = new Map<unknown, number>()
  listType.errors = []
  for (const [index, item] of list.entries()) {
    const first = seen.get(item)
    if (first === undefined) seen.set(item, index)
    else listType.errors.push({ keyword: 'set', params: { index, first, item } })
  }
  return listType.errors.length === 0
}

function finding(error: ErrorObject, base: Path): Finding | undefined {
  const path = [...base, ...pointerSteps(error)]
  const params = error.params as Record<string, unknown>
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownField(path, String(params['additionalProperty']), Object.keys(propertiesOf(error)))
    case 'required':
      return missingField(path, String(params['missingProperty']), propertiesOf(error))
    case 'type':
      return wrongType(path, error)
    case 'enum':
      return typeof error.data === 'string'
        ? unknownWord(path, error.data, params['allowedValues'] as string[])
        : undefined
    case 'pattern':
      return { path, code: 'InvalidValue', message: `must be ${formOf(error)}`, hint: '' }
    case 'set':
      return repeated([...path, Number(params['index'])], [...path, Number(params['first'])], params['item'])
    default:
      return { path, code: 'OutOfBounds', message: bound(error), hint: '' }
  }
}

function pointerSteps(error: ErrorObject): Path {
  if (error.instancePath === '') return []
  // No property of ours is a number: a numeric step is always an index.
  return error.instancePath
    .slice(1)
    .split('/')
    .map((step) => (/^[0-9]+$/.test(step) ? Number(step) : step))
}

function propertiesOf(error: ErrorObject): Record<string, AnySchemaObject> {
  const properties: unknown = error.parentSchema?.['properties']
  return isRecord(properties) ? (properties as Record<string, AnySchemaObject>) : {}
}

export function unknownField(parent: Path, field: string, known: readonly string[]): Finding {
  const word = nearest(field, known)
  return {
    path: [...parent, field],
    code: 'UnknownField',
    message: 'there is no such field',
    hint: word === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean ${word}?`,
    target: 'key',
  }
}

function missingField(parent: Path, field: string, properties: Record<string, AnySchemaObject>): Finding {
  const description: unknown = properties[field]?.['description']
  return {
    path: [...parent, field],
    code: 'MissingField',
    message: 'is missing',
    hint: typeof description === 'string' ? description : '',
    target: 'key',
  }
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  boolean: 'true or false',
  integer: 'a whole number',
  array: 'a list',
  object: 'a mapping',
}

function wrongType(path: Path, error: ErrorObject): Finding {
  const type = String((error.params as { type?: unknown }).type)
  // Text is shown only where a number or a switch belongs: elsewhere it might be a secret at the wrong place.
  const found = describe(error.data, type === 'boolean' || type === 'integer')
  const message = `must be ${TYPE_WORDS[type] ?? type}, found ${found}`
  return { path, code: 'WrongType', message, ...typeAdvice(path, type, error) }
}

function typeAdvice(path: Path, type: string, { data, parentSchema }: ErrorObject): Pick<Finding, 'hint' | 'quote'> {
  if (data === null) return { hint: emptyHint(path) }
  const words: unknown = parentSchema?.['enum']
  if (Array.isArray(words)) return { hint: splitWordHint(data, words as string[]) ?? oneOf(words as string[]) }
  if (type === 'string' && (typeof data === 'number' || typeof data === 'boolean'))
    return { hint: QUOTE_HINT, quote: true }
  return { hint: typeHint(type, data) }
}

export function emptyHint(path: Path): string {
  return `Remove the ${typeof path.at(-1) === 'number' ? 'entry' : 'line'}, or give it a value.`
}

/** `project: created` is a mapping, to YAML. */
function splitWordHint(data: unknown, words: readonly string[]): string | undefined {
  const [pair, ...more] = isRecord(data) ? Object.entries(data) : []
  if (!pair || more.length > 0 || typeof pair[1] !== 'string') return undefined
  const near = nearest(pair.join(':'), words)
  return near === undefined ? undefined : `No space after the colon: write ${near}.`
}

function oneOf(words: readonly string[]): string {
  return `One of: ${words.join(', ')}.`
}

function typeHint(type: string, data: unknown): string {
  if (type === 'array' && typeof data !== 'object') return 'Write it as a list: [...].'
  if ((type === 'boolean' || type === 'integer') && typeof data === 'string') {
    const unquoted = data.toLowerCase()
    if (type === 'boolean' && (unquoted === 'true' || unquoted === 'false')) return `Without quotes: ${unquoted}.`
    if (type === 'integer' && /^(0|[1-9][0-9]{0,8})$/.test(data)) return `Without quotes: ${data}.`
  }
  return ''
}

function unknownWord(path: Path, word: string, allowed: readonly string[]): Finding {
  const isEvent = allowed === EVENTS || allowed.includes(EVENTS[0])
  const shown = JSON.stringify(word.length > 60 ? `${word.slice(0, 60)}…` : word)
  const near = nearest(word, allowed)
  return {
    path,
    code: isEvent ? 'UnknownEvent' : 'InvalidValue',
    message: isEvent ? `${shown} is not an event` : `cannot be ${shown}`,
    hint: near === undefined ? oneOf(allowed) : `Did you mean ${near}?`,
  }
}

function repeated(path: Path, first: Path, item: unknown): Finding {
  const message = `repeats ${JSON.stringify(item)}, already at ${formatPath(first)}`
  return { path, code: 'DuplicateItem', message, hint: 'Keep one.' }
}

function formOf(error: ErrorObject): string {
  const form: unknown = error.parentSchema?.['x-form']
  return typeof form === 'string' ? form : `of the form ${String(error.schema)}`
}

function bound({ keyword, params, data }: ErrorObject): string {
  const limit = String((params as { limit?: unknown }).limit)
  switch (keyword) {
    case 'minimum':
      return `must be at least ${limit}, found ${String(data)}`
    case 'maximum':
      return `must be at most ${limit}, found ${String(data)}`
    case 'minLength':
      return 'must not be empty'
    case 'maxLength':
      return `has ${[...String(data)].length} characters, at most ${limit} are allowed`
    case 'minItems':
      return 'must have at least one entry'
    case 'maxItems':
      return `has ${(data as unknown[]).length} entries, at most ${limit} are allowed`
    default:
      return `is not allowed (${keyword})`
  }
}
