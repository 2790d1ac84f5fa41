/** What every problem code means and what to do about it: one row each in docs/problems.md, generated from here. */
export const PROBLEM_CODES = {
  Unreadable: {
    what: 'The file or directory cannot be read.',
    cause: 'Missing permission, an I/O error, or a path that vanished.',
    cure: 'Mend the permission or the disk. What last came from the file stays in force meanwhile.',
  },
  Unparsable: {
    what: 'The file is not YAML or JSON that every reader reads alike.',
    cause:
      'A syntax error, bytes that are not UTF-8, a byte order mark, control characters, more than 1 MiB or 1,000 documents, nesting or aliases without end.',
    cure: 'Mend the line named, or split the file. What last came from the file stays in force meanwhile.',
  },
  Unreachable: {
    what: 'In a cluster: the API server does not answer as it should.',
    cause: 'It is away, overloaded or behind a network that is down; or the credentials are for another cluster.',
    cure: 'Nothing, if it is away for a moment: it is tried again. What was in force stays meanwhile.',
  },
  NotPermitted: {
    what: 'In a cluster: the operator may not read resources of a kind.',
    cause: 'Its service account lacks a permission, or the credentials are not accepted.',
    cure: 'Grant it the Role in docs/kubernetes.md. What was in force stays meanwhile.',
  },
  DefinitionMissing: {
    what: 'In a cluster: it does not know a kind of ours.',
    cause: 'The CustomResourceDefinition is not installed, or was removed.',
    cure: 'Install it: `kubectl apply -f crds/`. What was in force stays meanwhile.',
  },
  UnsupportedYaml: {
    what: 'A YAML feature that readers disagree on.',
    cause:
      'A tag other than `!!str`, a `%` directive, a key that is not text, or text that is not well-formed Unicode.',
    cure: 'Write the value plainly.',
  },
  AmbiguousScalar: {
    what: 'A plain value or key that kubectl and YAML 1.2 read differently.',
    cause:
      '`y`, `n`, `yes`, `no`, `on`, `off` in any case, `010`, `1_000`, `0b11`, `0X1F`, `.inf`, integers beyond 9007199254740991, plain `<<`.',
    cure: 'Quote it if text is meant; otherwise write `true`, `false` or the number in plain decimal.',
  },
  DuplicateKey: {
    what: 'A key is written twice in one mapping.',
    cause: 'Usually a copied line.',
    cure: 'Keep one of the two.',
  },
  NotOurs: {
    what: 'Notice: a document was skipped.',
    cause: 'It has no `apiVersion` and `kind`, or belongs to another group.',
    cure: 'Nothing, unless it was meant for Nepenthes: then begin it with `apiVersion: nepenthes.dev/v1` and `kind`.',
  },
  WrongApiVersion: {
    what: 'A kind of ours under an `apiVersion` that is not ours.',
    cause: 'A misspelt, missing or future version.',
    cure: 'Write `apiVersion: nepenthes.dev/v1`.',
  },
  UnknownKind: {
    what: 'Our group, but no kind of it.',
    cause: 'A misspelt or missing `kind`.',
    cure: 'Write `kind: ApiSettings` or `kind: Webhook`.',
  },
  InvalidMetadata: {
    what: 'Something in `metadata` that a cluster would refuse.',
    cause: 'Labels or annotations that are not text, malformed label keys or values.',
    cure: 'Follow the message; quote numbers and booleans.',
  },
  InvalidName: {
    what: '`metadata.name` is missing or not allowed.',
    cause:
      'Names are RFC 1123 subdomains: lower-case letters, digits, `-` and `.`, at most 253 characters. ApiSettings must be named `default`.',
    cure: 'Rename the resource.',
  },
  GenerateName: {
    what: '`metadata.generateName` is used.',
    cause: 'A generated name is a new one at every apply.',
    cure: 'Write `metadata.name`.',
  },
  NamespaceIgnored: {
    what: 'Notice: `metadata.namespace` has no meaning in a file.',
    cause: 'A directory is one environment; namespaces exist in clusters only.',
    cure: 'Nothing; leave it out to silence the notice.',
  },
  UnknownField: {
    what: 'A field that does not exist.',
    cause:
      'A misspelling, or a field at the wrong depth. A cluster drops such fields silently unless asked for strict validation.',
    cure: 'Use the name in the hint, or remove the field.',
  },
  MissingField: {
    what: 'A required field is absent.',
    cause: 'It was left out, or indented into another mapping.',
    cure: 'Add it.',
  },
  WrongType: {
    what: 'A value of the wrong type.',
    cause: 'For example text where a number belongs, or one value where a list belongs.',
    cure: 'Write the type the message asks for.',
  },
  OutOfBounds: {
    what: 'A number, text or list beyond its bounds.',
    cause: 'Too small, too large, too long, too many, or empty.',
    cure: 'Stay within the bounds in the message.',
  },
  InvalidValue: {
    what: 'A value that is not one of those allowed, or not of the form required.',
    cause: 'A misspelling, or characters that are not allowed there.',
    cure: 'Use the word in the hint, or the form the message describes.',
  },
  UnknownEvent: {
    what: 'An event that does not exist.',
    cause: 'A misspelling.',
    cure: 'Use the event in the hint; the list is in docs/resources.md.',
  },
  UnsupportedEvent: {
    what: 'Warning: an event that exists, but that the embedded backend does not send.',
    cause: 'Attachments are events of other backends only.',
    cure: 'Remove it: the operator does not accept the document (`Accepted` is False, reason `UnsupportedValue`).',
  },
  DuplicateItem: {
    what: 'An entry of a set, or a header name, is given twice.',
    cause: 'Usually a copied line. Header names are compared ignoring case.',
    cure: 'Keep one of the two.',
  },
  ExactlyOne: {
    what: 'Two fields of which exactly one must be set.',
    cause: 'Both or neither of `url` and `urlFrom`, or of `value` and `valueFrom`, are there.',
    cure: 'Keep one.',
  },
  InvalidUrl: {
    what: '`spec.url` is not a URL that deliveries can go to.',
    cause: 'Not `http` or `https`, credentials in the URL, spaces or backslashes, or not a URL at all.',
    cure: 'Write `https://host/path`; credentials belong into a header with `valueFrom`, secret URLs into `urlFrom`.',
  },
  InsecureUrl: {
    what: 'Warning: `spec.url` is `http`.',
    cause: 'Deliveries travel unencrypted: anyone on the way reads and changes them.',
    cure: 'Use `https` if the receiver can.',
  },
  ForbiddenHeader: {
    what: 'A header that is not yours to set.',
    cause:
      'Hop-by-hop headers, `host`, `expect`, `content-*`, `user-agent`, `webhook-*`, `x-op-*` and `x-nepenthes-*` are set by the sender.',
    cure: 'Remove it, or use another name.',
  },
  SecretInClear: {
    what: 'A header that carries credentials is given as a plain value.',
    cause: '`authorization`, `cookie` and `proxy-*` in a document can be read by everyone who can read the document.',
    cure: 'Put the value into a Secret and name it in `valueFrom.secretKeyRef`.',
  },
  StrictConcurrency: {
    what: '`delivery.maxConcurrency` together with `ordering: Strict`.',
    cause: 'One line for all deliveries has one request in flight.',
    cure: 'Remove `maxConcurrency`, or use another ordering.',
  },
  InvalidOrigin: {
    what: 'An entry of `allowedOrigins` that no browser can ever send.',
    cause:
      'A path or trailing slash, a wildcard, upper case, a default port, a host that is not in punycode: browsers compare origins as exact text.',
    cure: 'Write the canonical form in the hint.',
  },
  DuplicateResource: {
    what: 'The same kind and name is given twice in one environment.',
    cause: 'Two documents, in one file or two.',
    cure: 'Rename or remove one. The one that was there first stays in force.',
  },
  NameConflict: {
    what: 'Two webhooks have the same display name, ignoring case.',
    cause: '`spec.displayName`, or `metadata.name` where it is left out, is taken.',
    cure: 'Give one of them another `displayName`.',
  },
} as const satisfies Record<string, { what: string; cause: string; cure: string }>

/** Stable names people script against; one row each in docs/problems.md. */
export type ProblemCode = keyof typeof PROBLEM_CODES

/** Something wrong in a document, told so that a person can mend it. Lines and columns count from 1. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  /** Where in the document, `spec.events[0]`; empty for the document or file as a whole. */
  readonly path: string
  readonly code: ProblemCode
  /** What is wrong, to be read after `path: ` where there is a path, which it does not repeat. Never contains a secret. */
  readonly message: string
  /** What to do about it; empty when the message says it all. */
  readonly hint: string
}

/** Something worth saying that is not wrong (`warning`: probably unwise; `notice`: for information). Same shape as a problem. */
export interface Notice extends Problem {
  readonly severity: 'warning' | 'notice'
}

/** Path and message in one, for people. */
export function problemText({ path, message }: Pick<Problem, 'path' | 'message'>): string {
  return path === '' ? message : `${path}: ${message}`
}

/** By file, line and column. */
export function byPlace(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return a.line - b.line || a.column - b.column
}
