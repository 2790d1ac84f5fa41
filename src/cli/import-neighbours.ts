import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { checkEnvironment } from '../resources/environment.ts'
import type { Document } from '../resources/resource.ts'
import { judgeFiles } from './judge-files.ts'
import { findFiles } from './validate-files.ts'
import { problemLine } from './validate.ts'

/** What file systems allow; names of resources may have nearly as many. */
const FILE_NAME_MAX = 255
const CUT = 200

/** The file a resource is written to: no two resources have one. */
export function resourceFile(directory: string, { kind, metadata }: Document): string {
  const name = `${kind.toLowerCase()}-${metadata.name}.yaml`
  if (name.length <= FILE_NAME_MAX) return join(directory, name)
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16)
  return join(directory, `${name.slice(0, CUT)}-${hash}.yaml`)
}

/** Judges what is to be written together with what else is in the directory: the two will be one environment. */
export async function judgeNeighbours(
  directory: string,
  documents: readonly Document[],
): Promise<{ problems: string[]; notices: string[] }> {
  const ours = documents.map((document) => withOrigin(document, resourceFile(directory, document)))
  const written = new Set(ours.map(({ origin }) => resolve(origin.file)))
  const found = await findFiles([directory])
  const files = found.files.filter((file) => !written.has(resolve(file)))
  const others = (await judgeFiles({ ...found, files }, noInput)).documents
  const imported = new Set(ours.map(({ key }) => key))
  return {
    problems: checkEnvironment([...ours, ...others]).map(problemLine),
    notices: others
      .filter(({ key }) => !imported.has(key))
      .map(
        ({ key, origin }) => `notice: ${origin.file}:${origin.line}: ${key} is not among what is imported; it stays\n`,
      ),
  }
}

function withOrigin(document: Document, file: string): Document {
  return { ...document, origin: { file, line: 1 } }
}

const noInput = () => ({ async *[Symbol.asyncIterator]() {} })
