import { UsageError } from '../config.ts'
import type { Gathered } from './import-resources.ts'
import type { ImportWish } from './import.ts'
import { judgeFiles } from './judge-files.ts'
import { findFiles, type Input } from './validate-files.ts'
import { problemLine } from './validate.ts'

/** The resources of files, judged as `nepenthes validate` judges them. */
export async function gatherFromFiles({ paths }: ImportWish, stdin: () => Input): Promise<Gathered> {
  const found = await findFiles(paths)
  if (found.missing.length > 0) throw new UsageError(`no such file or directory: ${found.missing.join(', ')}`)
  const { documents, problems, notices } = await judgeFiles(found, stdin)
  return {
    documents: documents.filter(({ spec }) => spec !== undefined),
    secretFiles: [],
    problems: problems.map(problemLine),
    notices: notices.map((notice) => `${notice.severity}: ${problemLine(notice)}`),
  }
}
