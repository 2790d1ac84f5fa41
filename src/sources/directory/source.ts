import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Problem } from '../../resources/problem.ts'
import type { ParsedFile, ParseFile, ResourceKey } from '../../resources/resource.ts'
import type { Source } from '../../resources/source.ts'
import { DocumentView } from './document-view.ts'
import type { TreeBatch } from './file-table.ts'
import type { Failure } from './files.ts'
import { pathOfOrigin } from './origin.ts'
import { parentOf, type TreeShape } from './scan.ts'
import { FileTree } from './tree.ts'

export interface DirectorySourceOptions {
  /** As the person gave it: problems and origins name files in the same way. */
  readonly root: string
  readonly parse: ParseFile
  readonly clock: Clock
  readonly log: Log
}

/** Hidden names are left out: editors' swap files, `.git`, and what lies behind a ConfigMap's `..data`. */
const SHAPE: TreeShape = {
  skips: (name) => name.startsWith('.'),
  isFile: (path) => /\.(ya?ml|json)$/.test(path),
}

/**
 * The resources in the `.yaml`, `.yml` and `.json` files of a directory and all directories below it. `start` resolves when everything
 * has been read once, or when the directory was found missing or unreadable: the source then waits for it, unsynced. `onChange` is
 * also called with no key in it, when only `synced`, problems, notices or silences changed.
 */
export function createDirectorySource({ root, parse, clock, log }: DirectorySourceOptions): Source {
  const view = new DocumentView((path) => tree.isVanishing(path))
  let notify: (keys: ReadonlySet<ResourceKey>) => void = () => undefined
  const tree: FileTree<ParsedFile> = new FileTree({
    root,
    shape: SHAPE,
    clock,
    log,
    interpret: (bytes, path) => parse(bytes, join(root, path)),
    onBatch: (batch) => notify(applyBatch(view, root, batch)),
  })
  return {
    get synced() {
      return tree.synced
    },
    get: (key) => view.get(key),
    keys: () => view.keys(),
    problems: () => [
      ...[...tree.failures].map(([path, failure]) => problemOf(join(root, path), failure)),
      ...view.problems(),
    ],
    notices: () => view.notices(),
    place: 'a file',
    silent(origin) {
      const couldBe = (path: string) => tree.hasDirectory(parentOf(path)) || tree.isUnknown(path)
      const path = pathOfOrigin(root, origin, couldBe)
      return path !== undefined && (tree.isUnknown(path) || view.isSilent(path))
    },
    async start(onChange) {
      notify = onChange
      await tree.start()
    },
    stop: () => tree.stop(),
  }
}

function applyBatch(view: DocumentView, root: string, batch: TreeBatch<ParsedFile>): Set<ResourceKey> {
  const touched = new Set<ResourceKey>()
  for (const [path, parsed] of batch.read) view.read(path, parsed, touched)
  for (const path of batch.unchanged) view.recovered(path, touched)
  for (const [path, failure] of batch.failing) {
    view.failed(path, failure ? [problemOf(join(root, path), failure)] : [], touched)
  }
  for (const path of batch.gone) view.gone(path, touched)
  return view.settle(touched)
}

function problemOf(file: string, { code, reason, hint }: Failure): Problem {
  return { file, line: 1, column: 1, path: '', code, message: `cannot be read: ${reason}`, hint }
}
