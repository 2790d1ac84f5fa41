import { checkEnvironment } from '../resources/environment.ts'
import { parseFile } from '../resources/parse.ts'
import { byPlace, type Notice, type Problem } from '../resources/problem.ts'
import type { Document } from '../resources/resource.ts'
import { readResourceFile, readStream, STDIN, type FoundFiles, type Input } from './validate-files.ts'

/** What files say, and what is wrong with it. */
export interface Verdict {
  readonly files: number
  /** Valid or not. */
  readonly documents: readonly Document[]
  /** By file and line. */
  readonly problems: readonly Problem[]
  readonly notices: readonly Notice[]
}

/** Reads files and judges them together, as one environment. */
export async function judgeFiles(found: FoundFiles, stdin: () => Input): Promise<Verdict> {
  const { files } = found
  const problems = [...found.problems]
  const notices: Notice[] = []
  const documents: Document[] = []
  for (const file of files) {
    const bytes = await (file === STDIN ? readStream(stdin()) : readResourceFile(file))
    if (!Buffer.isBuffer(bytes)) {
      problems.push(bytes)
      continue
    }
    const parsed = parseFile(bytes, file)
    problems.push(...parsed.problems)
    notices.push(...parsed.notices)
    documents.push(...parsed.documents)
  }
  for (const document of documents) {
    problems.push(...document.problems)
    notices.push(...document.notices)
  }
  problems.push(...checkEnvironment(documents))
  problems.sort(byPlace)
  notices.sort(byPlace)
  return { files: files.length, documents, problems, notices }
}
