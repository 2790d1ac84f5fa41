import { join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { programVersion } from '../config.ts'
import { documentFromObject } from '../resources/document.ts'
import { checkEnvironment } from '../resources/environment.ts'
import { isRecord } from '../resources/finding.ts'
import { KIND_NAMES, KINDS } from '../resources/kinds.ts'
import { resourceKey, type Document, type Kind } from '../resources/resource.ts'
import { API_VERSION, GROUP } from '../resources/vocabulary.ts'
import { createApi } from '../sources/kubernetes/api.ts'
import { createConnection } from '../sources/kubernetes/connection.ts'
import { loadCredentials } from '../sources/kubernetes/credentials.ts'
import type { Failure } from '../sources/kubernetes/failure.ts'
import { readKind, type KubernetesObject, type ReadOnceOptions } from '../sources/kubernetes/read-once.ts'
import type { Gathered } from './import-resources.ts'
import { readSecretFiles } from './import-secrets.ts'
import type { ImportWish } from './import.ts'
import { problemLine } from './validate.ts'

const ASKED = '--from cluster'

/** The resources of one namespace, judged as the operator judges them, and the Secrets they refer to if those are wished for. */
export async function gatherFromCluster(wish: ImportWish): Promise<Gathered> {
  const credentials = await loadCredentials({ asked: ASKED })
  const connection = createConnection(credentials, systemClock, programVersion())
  const namespace = wish.namespace ?? credentials.namespace ?? 'default'
  const api = createApi(connection.fetch, systemClock)
  try {
    return await gather(wish, { api, namespace, signal: new AbortController().signal })
  } finally {
    await connection.close()
  }
}

async function gather({ withSecrets, secretsDir }: ImportWish, options: ReadOnceOptions): Promise<Gathered> {
  const kinds = await Promise.all(KIND_NAMES.map((kind) => gatherKind(kind, options)))
  const documents = kinds.flatMap((kind) => kind.documents)
  const problems = [
    ...kinds.flatMap((kind) => kind.problems),
    ...documents.flatMap((document) => document.problems).map(problemLine),
    ...checkEnvironment(documents).map(problemLine),
  ]
  const valid = documents.filter(({ spec }) => spec !== undefined)
  const secrets = withSecrets ? await readSecretFiles(secretsDir, valid, options) : NO_SECRETS
  return {
    documents: valid,
    secretFiles: secrets.files,
    problems: [...problems, ...secrets.problems],
    notices: kinds.flatMap((kind) => kind.notices),
  }
}

const NO_SECRETS = { files: [], problems: [] }

interface GatheredKind {
  readonly documents: readonly Document[]
  readonly problems: readonly string[]
  readonly notices: readonly string[]
}

async function gatherKind(kind: Kind, options: ReadOnceOptions): Promise<GatheredKind> {
  const read = await readKind(kind, options)
  if (!read.ok) return { documents: [], problems: [unreadable(kind, options.namespace, read.error)], notices: [] }
  const leaving = read.value.filter(isLeaving)
  return {
    documents: read.value.filter((object) => !isLeaving(object)).flatMap((object) => toDocuments(kind, object)),
    problems: [],
    notices: leaving.map((object) => `notice: ${keyOf(kind, object)} is being deleted: left out\n`),
  }
}

function toDocuments(kind: Kind, object: KubernetesObject): Document[] {
  const { metadata, spec } = object
  // Whoever reads a problem has an object before them and no file: its "file" is kubectl's word for it.
  const place = join(KINDS[kind].singular, String(isRecord(metadata) && metadata['name']))
  const document = documentFromObject({ apiVersion: API_VERSION, kind, metadata, spec }, place)
  return document ? [document] : []
}

/** Deleted, and still there because of a finalizer: what is imported now would bring it back. */
function isLeaving({ metadata }: KubernetesObject): boolean {
  return isRecord(metadata) && metadata['deletionTimestamp'] !== undefined
}

function keyOf(kind: Kind, { metadata }: KubernetesObject): string {
  return resourceKey(kind, isRecord(metadata) ? String(metadata['name']) : '')
}

const HINTS: Partial<Record<Failure['kind'], string>> = {
  missing: 'Is it the right cluster? "kubectl apply -f crds/" installs the definitions.',
  forbidden: 'Use credentials that may list it: set KUBECONFIG.',
}

function unreadable(kind: Kind, namespace: string, { kind: failure, message }: Failure): string {
  const what = `${KINDS[kind].plural}.${GROUP} in namespace ${namespace} cannot be read: ${message}`
  return `${what}\n    ${HINTS[failure] ?? 'Is the API server there? Try again.'}\n`
}
