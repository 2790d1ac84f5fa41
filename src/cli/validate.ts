import { checkEnvironment } from '../resources/environment.ts'
import { parseFile } from '../resources/parse.ts'
import { byPlace, problemText, type Notice, type Problem } from '../resources/problem.ts'
import type { Document } from '../resources/resource.ts'
import { findFiles, readResourceFile, readStream, STDIN, type FoundFiles, type Input } from './validate-files.ts'

const OUTPUTS = ['text', 'json', 'github'] as const
type Output = (typeof OUTPUTS)[number]

export interface ValidateOptions {
  /** text, json or github. */
  readonly output: string
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  /** What the path `-` stands for; opened only if it is given. */
  readonly stdin: () => Input
}

interface Verdict {
  readonly files: number
  readonly resources: number
  /** By file and line. */
  readonly problems: readonly Problem[]
  readonly notices: readonly Notice[]
}

/** `nepenthes validate`: 0 all valid, 1 problems, 2 wrong usage. The paths together are one environment. */
export async function validateCommand(paths: readonly string[], options: ValidateOptions): Promise<0 | 1 | 2> {
  const output = OUTPUTS.find((name) => name === options.output)
  if (!output) return usage(options, `there is no output "${options.output}": use ${OUTPUTS.join(', ')}`)
  if (paths.length === 0) return usage(options, 'name the files or directories to check')
  const found = await findFiles(paths)
  if (found.missing.length > 0) return usage(options, `no such file or directory: ${found.missing.join(', ')}`)
  const verdict = await judgeFiles(found, options.stdin)
  print(output, verdict, options)
  return verdict.problems.length > 0 ? 1 : 0
}

function usage({ stderr }: ValidateOptions, message: string): 2 {
  stderr(`nepenthes validate: ${message}\n`)
  return 2
}

async function judgeFiles(found: FoundFiles, stdin: () => Input): Promise<Verdict> {
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
  return { files: files.length, resources: documents.length, problems, notices }
}

function print(output: Output, verdict: Verdict, { stdout, stderr }: ValidateOptions): void {
  const { problems, notices } = verdict
  switch (output) {
    case 'json':
      stdout(`${JSON.stringify(problems, null, 2)}\n`)
      break
    case 'github':
      for (const problem of problems) stdout(annotation('error', problem))
      for (const notice of notices) stdout(annotation(notice.severity, notice))
      break
    case 'text':
      for (const notice of notices) stderr(`${notice.severity}: ${line(notice)}`)
      for (const problem of problems) stdout(line(problem))
      stdout(summary(verdict))
  }
}

function line(problem: Problem): string {
  const { file, line, column, code, hint } = problem
  const place = `${file}:${line}:${column}: ${problemText(problem)} [${code}]\n`
  return hint === '' ? place : `${place}    ${hint}\n`
}

function summary({ files, resources, problems }: Verdict): string {
  const read = `${count(resources, 'resource')} in ${count(files, 'file')}`
  if (problems.length === 0) return `${read}: all valid\n`
  return `${read}: ${count(problems.length, 'problem')}\n`
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

/** A workflow command of GitHub Actions. */
function annotation(level: 'error' | 'warning' | 'notice', problem: Problem): string {
  const { file, line, column, code, hint } = problem
  const message = problemText(problem)
  const properties = `file=${escapeProperty(file)},line=${line},col=${column},title=${code}`
  return `::${level} ${properties}::${escapeData(hint === '' ? message : `${message}. ${hint}`)}\n`
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
