import { manifestText } from '../resources/manifest.ts'
import { KIND_NAMES } from '../resources/kinds.ts'
import type { Document } from '../resources/resource.ts'
import { gatherFromCluster } from './import-cluster.ts'
import { gatherFromFiles } from './import-files.ts'
import { judgeNeighbours, resourceFile } from './import-neighbours.ts'
import { clusterSecrets, fileSecrets } from './import-secrets.ts'
import { planWrites, writeAll, type WishedFile } from './import-write.ts'
import type { ImportWish } from './import.ts'
import type { Io } from './io.ts'
import { count } from './validate.ts'
import type { Input } from './validate-files.ts'

/** What was found where the resources come from. */
export interface Gathered {
  /** Valid ones only. */
  readonly documents: readonly Document[]
  /** The Secrets' files, if they were asked for. */
  readonly secretFiles: readonly WishedFile[]
  /** Each a text for people, with its line breaks. While there is one, nothing is written. */
  readonly problems: readonly string[]
  readonly notices: readonly string[]
}

export interface ImportOptions {
  readonly io: Io
  readonly stdin: () => Input
}

/** Takes resources over; resolves to 0, or to 1 when anything is wrong, and then nothing was written. */
export async function importResources(wish: ImportWish, { io, stdin }: ImportOptions): Promise<0 | 1> {
  const gathered = await (wish.from === 'cluster' ? gatherFromCluster(wish) : gatherFromFiles(wish, stdin))
  const documents = [...gathered.documents].sort(byKindAndName)
  const neighbours = wish.to === undefined ? NO_NEIGHBOURS : await judgeNeighbours(wish.to, documents)
  const files = [...resourceFiles(wish.to, documents), ...gathered.secretFiles]
  const writes = await planWrites(files, wish.overwrite)
  for (const notice of [...gathered.notices, ...neighbours.notices]) io.err(notice)
  const problems = [...gathered.problems, ...neighbours.problems, ...writes.problems]
  if (problems.length > 0) return refuse(problems, io)
  if (wish.to === undefined) io.out(documents.map(manifestText).join('---\n'))
  // Standard output is for the documents, if they are wanted there.
  await writeAll(writes.files, wish.to === undefined ? io.err : io.out)
  io.err(await ending(wish, documents))
  return 0
}

const NO_NEIGHBOURS = { problems: [], notices: [] }

function resourceFiles(to: string | undefined, documents: readonly Document[]): WishedFile[] {
  if (to === undefined) return []
  return documents.map((document) => ({ path: resourceFile(to, document), text: () => manifestText(document) }))
}

function refuse(problems: readonly string[], io: Io): 1 {
  for (const problem of problems) io.err(problem)
  io.err(`${count(problems.length, 'problem')}: nothing was written\n`)
  return 1
}

async function ending(wish: ImportWish, documents: readonly Document[]): Promise<string> {
  if (documents.length === 0) return 'no resources were found\n'
  return wish.from === 'cluster' ? clusterSecrets(wish, documents) : fileSecrets(wish, documents)
}

function byKindAndName(a: Document, b: Document): number {
  if (a.kind !== b.kind) return KIND_NAMES.indexOf(a.kind) - KIND_NAMES.indexOf(b.kind)
  return a.metadata.name < b.metadata.name ? -1 : 1
}
