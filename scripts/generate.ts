/**
 * Writes what derives from the kinds: CRDs, editor schemas, tables in the documentation; and from the chart's values: their schema and
 * documentation. `--check` only compares, exit 1 when stale.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { customResourceDefinition } from '../src/resources/crd.ts'
import { combinedSchema, editorSchema } from '../src/resources/editor-schema.ts'
import { KINDS, KIND_NAMES } from '../src/resources/kinds.ts'
import { fieldTable, problemTable, ruleTable } from '../src/resources/reference-table.ts'
import { valuesSchema } from './chart/values-schema.ts'
import { valuesTable } from './chart/values-table.ts'

export interface GeneratedFile {
  /** Relative to the repository. */
  readonly path: string
  readonly content: string
}

const ROOT = join(import.meta.dirname, '..')
const CHART = 'charts/nepenthes-operator'
const NOTE = 'Generated from src/resources by `npm run generate`. Do not edit.'

/** Every generated file as it should be. Pages of documentation keep their prose: only what stands between markers is ours. */
export function generatedFiles(): GeneratedFile[] {
  return [
    ...KIND_NAMES.flatMap(filesOfKind),
    json('schemas/nepenthes.schema.json', combinedSchema()),
    json(`${CHART}/values.schema.json`, valuesSchema()),
    ...pages(),
  ]
}

function filesOfKind(kind: (typeof KIND_NAMES)[number]): GeneratedFile[] {
  const { plural, singular } = KINDS[kind]
  const crd = stringify(customResourceDefinition(kind), { lineWidth: 0, aliasDuplicateObjects: false })
  return [
    { path: `crds/${plural}.yaml`, content: `# ${NOTE}\n${crd}` },
    { path: `${CHART}/crds/${plural}.yaml`, content: `# ${NOTE}\n${crd}` },
    json(`schemas/${singular}.schema.json`, editorSchema(kind)),
  ]
}

function json(path: string, schema: unknown): GeneratedFile {
  return { path, content: `${JSON.stringify(schema, null, 2)}\n` }
}

function pages(): GeneratedFile[] {
  const tables = Object.fromEntries(
    KIND_NAMES.flatMap((kind) => [
      [`${kind} fields`, fieldTable(kind)],
      [`${kind} rules`, ruleTable(kind)],
    ]),
  )
  const values = valuesTable(readFileSync(join(ROOT, CHART, 'values.yaml'), 'utf8'))
  return [
    page('docs/resources.md', tables),
    page('docs/problems.md', { problems: problemTable() }),
    page(`${CHART}/README.md`, { values }),
  ]
}

function page(path: string, tables: Readonly<Record<string, string>>): GeneratedFile {
  let content = readFileSync(join(ROOT, path), 'utf8')
  for (const [name, table] of Object.entries(tables)) {
    const [begin, end] = [`<!-- begin ${name}: generated -->`, `<!-- end ${name} -->`]
    const [before, rest] = [content.split(begin)[0], content.split(end)[1]]
    if (before === undefined || rest === undefined || before === content)
      throw new Error(`${path} lacks ${begin} or ${end}`)
    content = `${before}${begin}\n\n${table}\n\n${end}${rest}`
  }
  return { path, content }
}

/** The committed text, or undefined if there is none. */
export function committed(path: string): string | undefined {
  try {
    return readFileSync(join(ROOT, path), 'utf8')
  } catch {
    return undefined
  }
}

function write({ path, content }: GeneratedFile): void {
  mkdirSync(dirname(join(ROOT, path)), { recursive: true })
  writeFileSync(join(ROOT, path), content)
}

if (import.meta.main) {
  const stale = generatedFiles().filter(({ path, content }) => committed(path) !== content)
  if (!process.argv.includes('--check')) stale.forEach(write)
  else if (stale.length > 0) process.exitCode = 1
  for (const { path } of stale) console.log(`${process.argv.includes('--check') ? 'stale' : 'written'}: ${path}`)
}
