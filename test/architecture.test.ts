import { readFileSync, globSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

/** Lower layers first. What stands on one line never imports one another; see ARCHITECTURE.md. */
const LAYERS: readonly (readonly string[])[] = [
  ['base'],
  ['resources'],
  ['routing', 'status', 'storage'],
  ['sources', 'reconcile', 'dispatch', 'api', 'admin'],
  ['app'],
  ['cli'],
]

/** Edges between modules of one line that are part of the design. */
const ALLOWED_WITHIN_A_LAYER = new Set(['storage -> status'])

/** `src/config.ts` holds the program's options; whoever wires or starts it may read them. */
const LAYER_OF_FILE: Record<string, string> = {
  'src/app.ts': 'app',
  'src/token-admin.ts': 'app',
  'src/application-admin.ts': 'app',
  'src/config.ts': 'base',
}

interface Edge {
  readonly from: string
  readonly to: string
  readonly file: string
  readonly target: string
}

const files = globSync('src/**/*.ts')
  .map((file) => normalize(file))
  .sort()
/** Parsed once for all the tests. */
const sources = new Map(
  files.map((file) => [file, ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)]),
)
function sourceOf(file: string): ts.SourceFile {
  const source = sources.get(file)
  if (!source) throw new Error(`${file} is no source`)
  return source
}

function moduleOf(file: string): string {
  return LAYER_OF_FILE[file] ?? file.split('/')[1] ?? file
}

function rank(module: string): number {
  return LAYERS.findIndex((layer) => layer.includes(module))
}

function importsOf(file: string): string[] {
  return ts.preProcessFile(readFileSync(file, 'utf8')).importedFiles.map((reference) => reference.fileName)
}

function edgesOf(file: string): Edge[] {
  return importsOf(file)
    .filter((target) => target.startsWith('.'))
    .map((target) => normalize(join(dirname(file), target)))
    .map((target) => ({ from: moduleOf(file), to: moduleOf(target), file, target }))
    .filter(({ from, to }) => from !== to)
}

function forbidden({ from, to }: Edge): boolean {
  if (ALLOWED_WITHIN_A_LAYER.has(`${from} -> ${to}`)) return false
  return rank(from) < 0 || rank(to) < 0 || rank(from) <= rank(to)
}

/** Every mention of these names outside their home, as `file:line: name`. */
function mentions(pattern: RegExp, homes: readonly string[]): string[] {
  return files
    .filter((file) => !homes.some((home) => file === home || (home.endsWith('/') && file.startsWith(home))))
    .flatMap((file) => identifierUses(file, pattern))
}

function identifierUses(file: string, pattern: RegExp): string[] {
  const source = sourceOf(file)
  const uses: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node) || ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const text = node.getText(source)
      if (pattern.test(text))
        uses.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${text.slice(0, 60)}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return uses
}

const DIALLING = ['undici', 'node:http', 'node:https', 'node:http2', 'node:tls', 'node:net']
/** What may be had of these modules without being able to dial: errors, tests of a text, names of status codes. */
const HARMLESS = ['errors', 'STATUS_CODES', 'isIP', 'isIPv4', 'isIPv6']

function canDial(file: string): boolean {
  return sourceOf(file).statements.some((statement) => {
    if (!ts.isImportDeclaration(statement) || !DIALLING.includes((statement.moduleSpecifier as ts.StringLiteral).text))
      return false
    const clause = statement.importClause
    if (!clause || clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return false
    const { namedBindings } = clause
    if (!namedBindings || !ts.isNamedImports(namedBindings)) return true
    return namedBindings.elements.some(({ isTypeOnly, name }) => !isTypeOnly && !HARMLESS.includes(name.text))
  })
}

function longFunctions(file: string, max: number): string[] {
  const source = sourceOf(file)
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    // A factory's body is a scope full of functions, each measured on its own: what counts is its own statements' lines.
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const lines = ownLines(source, node.body)
      if (lines > max)
        found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${lines} lines`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function lineSpan(source: ts.SourceFile, node: ts.Node): number {
  return (
    source.getLineAndCharacterOfPosition(node.end).line -
    source.getLineAndCharacterOfPosition(node.getStart(source)).line +
    1
  )
}

function ownLines(source: ts.SourceFile, body: ts.Node): number {
  let nested = 0
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) nested += lineSpan(source, node) - 1
    else ts.forEachChild(node, visit)
  }
  ts.forEachChild(body, visit)
  return lineSpan(source, body) - nested
}

describe('the table of allowed imports', () => {
  it('finds the modules it speaks of', () => {
    expect(new Set(files.map(moduleOf))).toEqual(new Set(LAYERS.flat()))
  })

  it('has no forbidden edge', () => {
    const edges = files.flatMap(edgesOf).filter(forbidden)
    expect(edges.map(({ from, to, file, target }) => `${from} -> ${to}: ${file} imports ${target}`)).toEqual([])
  })

  it('would notice one', () => {
    expect(forbidden({ from: 'dispatch', to: 'api', file: '', target: '' })).toBe(true)
    expect(forbidden({ from: 'base', to: 'resources', file: '', target: '' })).toBe(true)
    expect(forbidden({ from: 'api', to: 'storage', file: '', target: '' })).toBe(false)
  })
})

describe('what has one home', () => {
  it('time is read and waited for in base only', () => {
    const clock = /^(Date\.now\(|new Date\(\)|performance\.now\(|setTimeout\(|setInterval\(|process\.hrtime)/
    expect(mentions(clock, ['src/base/'])).toEqual([])
  })

  it('randomness comes from base only', () => {
    expect(
      mentions(/^(Math\.random\(|randomBytes\(|randomUUID\(|crypto\.randomUUID\(|crypto\.getRandomValues\()/, [
        'src/base/',
      ]),
    ).toEqual([])
  })

  it('the environment is read in the configuration only', () => {
    // The entry sets the size of the thread pool, before anything could be imported.
    expect(mentions(/^process\.env\b/, ['src/config.ts', 'src/cli/main.ts'])).toEqual([])
  })

  it('a user-given address is dialled from one file only', () => {
    const dialers = files.filter(canDial)
    // The API server's address is the operator's own configuration, as the admin listener's is.
    const others = ['src/cli/client.ts', 'src/sources/kubernetes/connection.ts']
    expect(dialers).toEqual(['src/cli/client.ts', 'src/dispatch/connection.ts', 'src/sources/kubernetes/connection.ts'])
    expect(
      mentions(/^(fetch\(|net\.connect\(|net\.createConnection\(|tls\.connect\()/, [
        'src/dispatch/connection.ts',
        ...others,
      ]),
    ).toEqual([])
  })
})

describe('size', () => {
  it('no file is over 400 lines', () => {
    const long = files
      .map((file) => `${file}: ${readFileSync(file, 'utf8').split('\n').length}`)
      .filter((row) => Number(row.split(': ')[1]) > 400)
    expect(long).toEqual([])
  })

  it('no function is over 70 lines', () => {
    expect(files.flatMap((file) => longFunctions(file, 70))).toEqual([])
  })

  it('there is no drawer of leftovers', () => {
    expect(files.filter((file) => /\b(utils?|helpers?|misc|common)\b/.test(file))).toEqual([])
  })
})
