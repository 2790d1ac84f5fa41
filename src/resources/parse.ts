import { isNode, isScalar, type Node } from 'yaml'
import { classify } from './classify.ts'
import { textsOf, toDocument, usableName } from './document.ts'
import { formatPath, isRecord, printable, type Finding, type Path } from './finding.ts'
import { allFindings, judge, unsupportedEvents, warnings } from './judge.ts'
import { readNode } from './node-value.ts'
import { LineIndex, offsetOf, scalarSource } from './place.ts'
import type { Notice, Problem } from './problem.ts'
import type { Document, Kind, ParsedFile, ParseFile } from './resource.ts'
import {
  DOCUMENTS_MAX,
  FILE_BYTES_MAX,
  readYaml,
  TOO_LARGE_HINT,
  tooLargeMessage,
  type YamlDocument,
} from './yaml-text.ts'

/** More than anyone mends at once. */
const DOCUMENT_PROBLEMS_MAX = 100

/** A longer number is easier to find than to read. */
const QUOTED_MAX = 60

/** What one file has said so far. */
interface FileReader {
  readonly file: string
  readonly lines: LineIndex
  readonly documents: Document[]
  readonly problems: Problem[]
  readonly notices: Notice[]
  /** Documents seen, ours or not, lists expanded. */
  count: number
}

/** One value inside one YAML document: a document of its own, or an item of a List. */
interface Item {
  readonly yaml: YamlDocument
  readonly root: Node
}

/** Reads one file, YAML or JSON. Never throws for what is in it; all its problems come at once, each with its place. */
export const parseFile: ParseFile = (bytes, file) => {
  const read = readYaml(bytes)
  const { text, documents } = read.ok ? read.value : read.error
  const reader: FileReader = { file, lines: new LineIndex(text), documents: [], problems: [], notices: [], count: 0 }
  const faults = read.ok ? [] : read.error.faults
  for (const { offset, message, hint } of faults)
    reader.problems.push(problemAt(reader, offset, { path: [], code: 'Unparsable', message, hint }))
  for (const yaml of documents) if (!isEmpty(yaml.contents)) readItem(reader, { yaml, root: yaml.contents })
  if (reader.count > DOCUMENTS_MAX) reader.problems.push(tooManyDocuments(reader))
  return conclude(reader)
}

/** Nothing between two separators, or comments alone. */
function isEmpty(contents: Node | null): contents is null {
  return contents === null || (isScalar(contents) && contents.value === null)
}

/** For whoever knows a file's size before its bytes: the problem if it is too large to be read, or undefined. */
export function tooLargeProblem(file: string, size: number): Problem | undefined {
  if (size <= FILE_BYTES_MAX) return undefined
  const message = tooLargeMessage(size)
  return { file, line: 1, column: 1, path: '', code: 'Unparsable', message, hint: TOO_LARGE_HINT }
}

/** A file that is unparsable in part says nothing about its resources: which ones it lacks cannot be known. */
function conclude({ documents, problems, notices }: FileReader): ParsedFile {
  if (!problems.some(({ code }) => code === 'Unparsable')) return { documents, problems, notices }
  return { documents: [], problems: [...problems, ...documents.flatMap((document) => document.problems)], notices }
}

function tooManyDocuments(reader: FileReader): Problem {
  const message = `the file has more than ${DOCUMENTS_MAX} documents, lists expanded`
  return problemAt(reader, 0, { path: [], code: 'Unparsable', message, hint: TOO_LARGE_HINT })
}

function readItem(reader: FileReader, item: Item): void {
  const classified = classify(item.root)
  if (classified.is === 'list') {
    for (const root of classified.items) if (isNode(root)) readItem(reader, { yaml: item.yaml, root })
    return
  }
  if (++reader.count > DOCUMENTS_MAX) return
  if (classified.is === 'foreign') reader.notices.push(noticeAt(reader, item, classified.finding, 'notice'))
  else if (classified.is === 'wrong') reader.problems.push(placed(reader, item, classified.finding))
  else if (classified.is === 'ours') readOurs(reader, item, classified.kind, judge)
  // What another version means by its fields is not ours to judge. But the resource it is can be told, so its off switch works.
  else readOurs(reader, item, classified.kind, () => [classified.finding])
}

function readOurs(reader: FileReader, item: Item, kind: Kind, judgeIt: typeof judge): void {
  const read = readNode(item.yaml, item.root, isServerField)
  const { value } = read
  if (!isRecord(value)) {
    reader.problems.push(...place(reader, item, read.findings))
    return
  }
  const problems = place(reader, item, allFindings(kind, read, judgeIt(kind, value)))
  const notices = noticesOf(reader, item, kind, value)
  const name = usableName(value)
  if (name === undefined) {
    reader.problems.push(...problems)
    reader.notices.push(...notices)
    return
  }
  const metadata = fileMetadata(name, value['metadata'] as Record<string, unknown>)
  const origin = { file: reader.file, line: reader.lines.place(item.root.range?.[0] ?? 0).line }
  reader.documents.push(toDocument(kind, value, metadata, { origin, problems, notices }))
}

/** What `kubectl get -o yaml` adds, the server's to say: it is not even read. */
function isServerField(path: Path): boolean {
  if (path.length === 1) return path[0] === 'status'
  return path.length === 2 && path[0] === 'metadata' && (path[1] === 'managedFields' || path[1] === 'uid')
}

function fileMetadata(name: string, metadata: Record<string, unknown>): Document['metadata'] {
  return {
    name,
    labels: textsOf(metadata['labels']),
    annotations: textsOf(metadata['annotations']),
    generation: undefined,
    creationTimestamp: undefined,
    uid: undefined,
  }
}

function noticesOf(reader: FileReader, item: Item, kind: Kind, value: Record<string, unknown>): Notice[] {
  const notices = [...warnings(kind, value), ...unsupportedEvents(kind, value)].map((finding) =>
    noticeAt(reader, item, finding, 'warning'),
  )
  const { metadata } = value
  if (isRecord(metadata) && Object.hasOwn(metadata, 'namespace')) {
    const message = 'is ignored in a file: a directory is one environment'
    const finding: Finding = {
      path: ['metadata', 'namespace'],
      code: 'NamespaceIgnored',
      message,
      hint: '',
      target: 'key',
    }
    notices.push(noticeAt(reader, item, finding, 'notice'))
  }
  return notices
}

function place(reader: FileReader, item: Item, findings: readonly Finding[]): Problem[] {
  const problems = findings.slice(0, DOCUMENT_PROBLEMS_MAX).map((finding) => placed(reader, item, finding))
  problems.sort((a, b) => a.line - b.line || a.column - b.column)
  const last = findings[DOCUMENT_PROBLEMS_MAX]
  if (last) {
    const problem = placed(reader, item, last)
    problems.push(
      findings.length === DOCUMENT_PROBLEMS_MAX + 1
        ? problem
        : { ...problem, message: `${problem.message}; and more problems in this document` },
    )
  }
  return problems
}

function noticeAt(reader: FileReader, item: Item, finding: Finding, severity: Notice['severity']): Notice {
  return { ...placed(reader, item, finding), severity }
}

function placed(reader: FileReader, item: Item, finding: Finding): Problem {
  const offset = finding.offset ?? offsetOf(item.yaml, item.root, finding.path, finding.target ?? 'value')
  return problemAt(reader, offset, finding.quote ? { ...finding, hint: quoteHint(item, finding) } : finding)
}

/** Quotes what is written: 1.10 as a number is 1.1 already. */
function quoteHint({ yaml, root }: Item, { path, hint }: Finding): string {
  const source = scalarSource(yaml, root, path)
  return source === undefined || source.length > QUOTED_MAX ? hint : `Quote it: "${source}".`
}

function problemAt(reader: FileReader, offset: number, { path, code, message, hint }: Finding): Problem {
  return {
    file: reader.file,
    ...reader.lines.place(offset),
    path: printable(formatPath(path)),
    code,
    message: printable(message),
    hint: printable(hint),
  }
}
