import { Command } from 'commander'
import { UserError } from '../base/errors.ts'
import { clientFlags, readClientConfig, settleEnvironment, UsageError } from '../config.ts'
import { formatPath, isRecord, type Path } from '../resources/finding.ts'
import { KINDS, kindNamed } from '../resources/kinds.ts'
import { nearest } from '../resources/nearest.ts'
import { fieldsOf, type FieldHelp } from '../resources/reference-table.ts'
import type { Kind } from '../resources/resource.ts'
import type { ResourceWithStatus } from '../status/status.ts'
import { askFor } from './client.ts'
import type { Io } from './io.ts'
import { printable, table } from './table.ts'
import { parseTarget, targetText } from './target.ts'

export function explainCommand(io: Io): Command {
  const command = new Command('explain')
    .description('Explain a resource as it stands, defaults included, or what a field means.')
    .argument('<what>', 'a resource, for example webhook/billing, or a field, for example webhook.spec.delivery')
  for (const option of clientFlags()) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
A field needs no operator; a resource is asked for at --server.

Examples:
  nepenthes explain webhook/billing
  nepenthes explain webhook.spec.delivery.ordering
  nepenthes explain apisettings`,
    )
    .action(async (what: string, _options: unknown, self: Command) => {
      settleEnvironment(self)
      io.out(what.includes('/') ? await resourceText(what, self) : fieldText(what))
    })
}

async function resourceText(what: string, command: Command): Promise<string> {
  const { kind, name } = parseTarget(what)
  if (name === undefined) throw new UsageError(`"${what}": expected KIND/NAME, for example webhook/billing`)
  const path = `/v1/resources/${kind}/${encodeURIComponent(name)}`
  const resource = await askFor<ResourceWithStatus>(readClientConfig(command), 'GET', path)
  if (!isRecord(resource.metadata) || resource.metadata['name'] !== name)
    throw new UserError(`what answers at --server does not know ${targetText({ kind, name })}; is it the right one?`)
  const fields = effectiveFields(kind, resource.spec)
  const conditions = resource.status.conditions.map((one) => [one.type, one.status, one.reason, one.message])
  return [
    `${kind} ${name}, ${generationText(resource)}\n\n`,
    table(['FIELD', 'VALUE', 'FROM'], fields),
    '\n',
    table(['CONDITION', 'STATUS', 'REASON', 'MESSAGE'], conditions),
  ].join('')
}

function generationText({ metadata, status }: ResourceWithStatus): string {
  const { programmedGeneration } = status
  if (programmedGeneration === undefined) return `generation ${metadata.generation}, none in force`
  if (programmedGeneration === metadata.generation) return `generation ${metadata.generation}, in force`
  return `generation ${metadata.generation}; generation ${programmedGeneration} is in force, the last good one`
}

/** What is written, and what leaving the rest out means, in the order of the documentation. */
export function effectiveFields(kind: Kind, spec: unknown): string[][] {
  const written = [...leaves(spec, ['spec'])]
  const known = fieldsOf(kind)
  const rows = known.flatMap(({ field, fallback }) => {
    const here = written.filter(({ path }) => shape(path) === field)
    if (here.length > 0) return here.map(({ path, value }) => [formatPath(path), JSON.stringify(value), 'written'])
    // Of an entry of a list nothing can be said that is not there.
    const isOpen = fallback !== '' && fallback !== 'required' && !field.includes('[]')
    if (!isOpen || isInside(field, written)) return []
    // One line for all has one request in flight.
    const isOneLine = field === 'spec.delivery.maxConcurrency' && written.some(isStrict)
    return [isOneLine ? [field, '1', 'ordering: Strict'] : [field, fallback, 'default']]
  })
  const strays = written.filter(({ path }) => !known.some(({ field }) => field === shape(path)))
  return [...rows, ...strays.map(({ path, value }) => [formatPath(path), JSON.stringify(value), 'unknown field'])]
}

function isStrict({ path, value }: Leaf): boolean {
  return formatPath(path) === 'spec.delivery.ordering' && value === 'Strict'
}

interface Leaf {
  readonly path: Path
  readonly value: unknown
}

/** Values without fields of their own; lists of such are one. */
function* leaves(value: unknown, path: Path): Generator<Leaf> {
  if (isRecord(value)) for (const [key, inner] of Object.entries(value)) yield* leaves(inner, [...path, key])
  else if (Array.isArray(value) && value.some(isRecord))
    for (const [index, item] of value.entries()) yield* leaves(item, [...path, index])
  else yield { path, value }
}

/** The path as the documentation writes it: `spec.headers[].name`. */
function shape(path: Path): string {
  return formatPath(path).replace(/\[\d+\]/g, '[]')
}

/** Whether something is written in the field, which then speaks for itself. */
function isInside(field: string, written: readonly Leaf[]): boolean {
  return written.some(({ path }) => shape(path).startsWith(`${field}.`) || shape(path).startsWith(`${field}[`))
}

/** What a field means, and those in it; throws a UsageError if there is none. */
function fieldText(what: string): string {
  const [kindName = '', ...steps] = what.split('.')
  const kind = kindNamed(kindName)
  if (!kind) throw new UsageError(`there is no kind "${kindName}"\nTry nepenthes explain webhook, or apisettings.`)
  const wanted = steps.join('.').replaceAll('[]', '')
  const fields = fieldsOf(kind).map((help) => ({ ...help, plain: help.field.replaceAll('[]', '') }))
  const found = fields.find(({ plain }) => plain === wanted)
  if (!found && wanted !== '' && wanted !== 'spec')
    throw noField(
      kind,
      wanted,
      fields.map(({ plain }) => plain),
    )
  const below = fields.filter(({ plain }) => wanted === '' || plain.startsWith(`${wanted}.`))
  const head = found ? helpText(found) : `${kind}\n    ${KINDS[kind].description}\n`
  return [head, ...below.map(helpText)].join('')
}

function helpText({ field, type, fallback, bounds, meaning }: FieldHelp): string {
  const told = [
    type.replaceAll('`', ''),
    bounds,
    fallback && fallback !== 'required' ? `default ${fallback}` : fallback,
  ]
  return `${field}  ${told.filter((part) => part !== '').join('; ')}\n    ${printable(meaning)}\n`
}

function noField(kind: Kind, wanted: string, known: readonly string[]): UsageError {
  const near = nearest(wanted, known)
  const hint =
    near === undefined ? `See nepenthes explain ${kind.toLowerCase()}.` : `Did you mean ${kind.toLowerCase()}.${near}?`
  return new UsageError(`${kind} has no field ${wanted}\n${hint}`)
}
