import { fail, ok, type Result } from '../../base/result.ts'
import { SecretValue } from '../../base/secret.ts'
import { isRecord } from '../../resources/finding.ts'
import type { Kind } from '../../resources/resource.ts'
import type { Api } from './api.ts'
import { unavailable, type Failure } from './failure.ts'
import { SECRET_LABEL } from './secrets.ts'
import { resourcePath } from './source.ts'

/** For whoever looks at a namespace once and does not watch it. */
export interface ReadOnceOptions {
  readonly api: Api
  readonly namespace: string
  readonly signal: AbortSignal
}

export type KubernetesObject = Readonly<Record<string, unknown>>

const PAGE = 500
/** A list whose pages the server forgets while they are read is begun again so often. */
const BEGINNINGS_MAX = 3

/** All objects of one kind, as the server has them. */
export async function readKind(kind: Kind, options: ReadOnceOptions): Promise<Result<KubernetesObject[], Failure>> {
  for (let beginning = 1; ; beginning++) {
    const read = await readPages(resourcePath(kind, options.namespace), options)
    if (read.ok || read.error.kind !== 'expired' || beginning === BEGINNINGS_MAX) return read
  }
}

async function readPages(path: string, { api, signal }: ReadOnceOptions): Promise<Result<KubernetesObject[], Failure>> {
  const objects: KubernetesObject[] = []
  let next = ''
  do {
    const answer = await api.call({ path, query: { limit: String(PAGE), ...(next && { continue: next }) }, signal })
    if (!answer.ok) return answer
    const { items, metadata } = isRecord(answer.value) ? answer.value : {}
    if (!Array.isArray(items)) return fail(unavailable('the answer is not a list'))
    objects.push(...items.filter(isRecord))
    next = isRecord(metadata) && typeof metadata['continue'] === 'string' ? metadata['continue'] : ''
  } while (next !== '')
  return ok(objects)
}

/** One Secret as it is stored. */
export interface StoredSecret {
  /** Whether webhooks may use it. */
  readonly permitted: boolean
  /** By key; undefined where the bytes are no text. */
  readonly values: ReadonlyMap<string, SecretValue | undefined>
}

export async function readSecret(
  name: string,
  { api, namespace, signal }: ReadOnceOptions,
): Promise<Result<StoredSecret, Failure>> {
  const answer = await api.call({ path: `/api/v1/namespaces/${namespace}/secrets/${name}`, signal })
  if (!answer.ok) return answer
  const { metadata, data } = isRecord(answer.value) ? answer.value : {}
  const labels = isRecord(metadata) && isRecord(metadata['labels']) ? metadata['labels'] : {}
  const values = Object.entries(isRecord(data) ? data : {}).map(([key, base64]) => [key, textOf(base64)] as const)
  return ok({ permitted: labels[SECRET_LABEL] === 'true', values: new Map(values) })
}

function textOf(base64: unknown): SecretValue | undefined {
  const bytes = Buffer.from(String(base64), 'base64')
  try {
    return new SecretValue(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    return undefined
  }
}
