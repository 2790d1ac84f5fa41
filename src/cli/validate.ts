import { problemText, type Problem } from '../resources/problem.ts'
import { judgeFiles, type Verdict } from './judge-files.ts'
import { findFiles, type Input } from './validate-files.ts'

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
      for (const notice of notices) stderr(`${notice.severity}: ${problemLine(notice)}`)
      for (const problem of problems) stdout(problemLine(problem))
      stdout(summary(verdict))
  }
}

/** A problem for people, with its hint below it. */
export function problemLine(problem: Problem): string {
  const { file, line, column, code, hint } = problem
  const place = `${file}:${line}:${column}: ${problemText(problem)} [${code}]\n`
  return hint === '' ? place : `${place}    ${hint}\n`
}

function summary({ files, documents, problems }: Verdict): string {
  const read = `${count(documents.length, 'resource')} in ${count(files, 'file')}`
  if (problems.length === 0) return `${read}: all valid\n`
  return `${read}: ${count(problems.length, 'problem')}\n`
}

export function count(n: number, noun: string): string {
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
