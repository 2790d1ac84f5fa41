import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { systemClock, type Clock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import { parseFile } from '../../src/resources/parse.ts'
import type { ResourceKey } from '../../src/resources/resource.ts'
import type { SecretSource, Source } from '../../src/resources/source.ts'
import { createDirectorySecrets } from '../../src/sources/directory/secrets.ts'
import { createDirectorySource } from '../../src/sources/directory/source.ts'

export const silentLog = createLog('silent', () => {})

/** A temporary directory, removed when the test ends. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'nepenthes-sources-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Writes files, with the directories they are in. */
export function write(root: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}

/** Saves as a careful editor does: a hidden file beside it, renamed over it. */
export function saveByRename(root: string, path: string, text: string): void {
  const temporary = join(root, dirname(path), '.saving')
  writeFileSync(temporary, text)
  renameSync(temporary, join(root, path))
}

/** Publishes a version of a mount as Kubernetes does: a directory of its own, and a link renamed over `..data`. */
export function swapMount(root: string, version: string, files: Record<string, string>): string {
  const directory = `..${version}`
  write(join(root, directory), files)
  symlinkSync(directory, join(root, '..data_tmp'))
  renameSync(join(root, '..data_tmp'), join(root, '..data'))
  return join(root, directory)
}

export function webhook(name: string, description = ''): string {
  return [
    'apiVersion: nepenthes.dev/v1',
    'kind: Webhook',
    `metadata: {name: ${name}}`,
    `spec: {url: "https://example.com/${name}", events: [time_entry:created], description: "${description}"}`,
    '',
  ].join('\n')
}

export interface Watched {
  readonly source: Source
  /** The keys of every `onChange` call so far. */
  readonly changes: ReadonlySet<ResourceKey>[]
  /** Resolves once the condition holds after some `onChange`, or already. */
  readonly until: (condition: () => boolean) => Promise<void>
  readonly names: () => string[]
  /** `description` of a webhook; undefined when there is none of that name. */
  readonly says: (name: string) => string | undefined
  readonly messages: () => string[]
}

/** A source on `root`, started, and stopped when the test ends. */
export async function watchDocuments(root: string, options: { clock?: Clock } = {}): Promise<Watched> {
  const changes: ReadonlySet<ResourceKey>[] = []
  const source = createDirectorySource({ root, parse: parseFile, clock: options.clock ?? systemClock, log: silentLog })
  const { until, changed } = conditions()
  onTestFinished(() => source.stop())
  await source.start((keys) => {
    changes.push(keys)
    changed()
  })
  return {
    source,
    changes,
    until,
    names: () => [...source.keys()].map((key) => key.replace('Webhook/', '')).sort(),
    says: (name) => {
      const spec = source.get(`Webhook/${name}`)?.rawSpec as { description?: string } | undefined
      return spec && (spec.description ?? '')
    },
    messages: () => source.problems().map(({ file, message }) => `${file.replace(`${root}/`, '')}: ${message}`),
  }
}

export async function watchSecrets(root: string) {
  const changes: ReadonlySet<string>[] = []
  const secrets: SecretSource = createDirectorySecrets({ root, clock: systemClock, log: silentLog })
  const { until, changed } = conditions()
  onTestFinished(() => secrets.stop())
  await secrets.start((names) => {
    changes.push(names)
    changed()
  })
  const text = (name: string, key: string) => {
    const lookup = secrets.get(name, key)
    return lookup.state === 'found' ? lookup.value.reveal() : lookup.state
  }
  return { secrets, changes, until, text }
}

function conditions() {
  const waiting = new Set<{ condition: () => boolean; resolve: () => void }>()
  return {
    until: (condition: () => boolean) =>
      condition() ? Promise.resolve() : new Promise<void>((resolve) => waiting.add({ condition, resolve })),
    changed: () => {
      for (const entry of waiting) {
        if (!entry.condition()) continue
        waiting.delete(entry)
        entry.resolve()
      }
    },
  }
}
