import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One document with the verdict everybody must come to. */
export interface CorpusCase {
  /** `webhook.cases:12` */
  readonly at: string
  readonly text: string
  /** `code@path` of each problem, sorted; empty: valid. */
  readonly expected: readonly string[]
  /** Why the cluster accepts what we refuse; undefined: it does not. */
  readonly clusterCannot: string | undefined
}

const DIRECTORY = join(import.meta.dirname, 'corpus')

export function readCorpus(): CorpusCase[] {
  return [
    ...specCases('api-settings.cases', 'ApiSettings', 'default', {}),
    ...specCases('webhook.cases', 'Webhook', 'a', { url: '"https://a.example/"', events: '["project:created"]' }),
    ...documentCases('documents.cases'),
  ]
}

function specCases(file: string, kind: string, name: string, base: Record<string, string>): CorpusCase[] {
  const head = `apiVersion: nepenthes.dev/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: `
  return lines(file).flatMap((line, index) => {
    if (line === '' || line.startsWith('#')) return []
    const [verdict = '', ...spec] = line.split(' | ')
    return [
      { at: `${file}:${index + 1}`, text: `${head}${withBase(spec.join(' | '), base)}\n`, ...parseVerdict(verdict) },
    ]
  })
}

/** Adds the fields a valid spec needs, unless the case is about them; `...` keeps all out. */
function withBase(spec: string, base: Record<string, string>): string {
  if (!spec.startsWith('{')) return expand(spec)
  const fields = spec.slice(1, -1).replace(/^\.\.\.(, )?/, '')
  const missing = spec.startsWith('{...')
    ? []
    : Object.entries(base).filter(([field]) => !new RegExp(`^${field}(From)?:`).test(fields))
  const added = missing.map(([field, value]) => `${field}: ${value}`)
  return `{${[...added, ...(fields === '' ? [] : [expand(fields)])].join(', ')}}`
}

function documentCases(file: string): CorpusCase[] {
  const cases: CorpusCase[] = []
  let start = 0
  let text: string[] = []
  const all = lines(file)
  for (const [index, line] of [...all, '### '].entries()) {
    if (!line.startsWith('### ')) {
      text.push(line)
      continue
    }
    if (start > 0) {
      const verdict = parseVerdict((all[start - 1] ?? '').slice(4))
      cases.push({ at: `${file}:${start}`, text: expand(text.join('\n')), ...verdict })
    }
    start = index + 1
    text = []
  }
  return cases
}

function lines(file: string): string[] {
  return readFileSync(join(DIRECTORY, file), 'utf8').split('\n')
}

function parseVerdict(verdict: string): Pick<CorpusCase, 'expected' | 'clusterCannot'> {
  const words = verdict.trim().split(' ')
  const reason = words.find((word) => word.startsWith('!'))
  return {
    expected: words.filter((word) => word !== 'ok' && !word.startsWith('!')).sort(),
    clusterCannot: reason?.slice(1),
  }
}

/** `§a*3§` is aaa, `§"p#"**2§` is "p0", "p1": long texts and lists without their length. */
function expand(text: string): string {
  return text
    .replace(/§([^§]+?)\*\*(\d+)§/g, (_, item: string, count: string) =>
      Array.from({ length: Number(count) }, (_, index) => item.replace('#', String(index))).join(', '),
    )
    .replace(/§([^§]+?)\*(\d+)§/g, (_, unit: string, count: string) => unit.repeat(Number(count)))
}
