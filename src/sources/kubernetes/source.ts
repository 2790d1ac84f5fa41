import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { documentFromObject } from '../../resources/document.ts'
import { KIND_NAMES, KINDS } from '../../resources/kinds.ts'
import type { Problem } from '../../resources/problem.ts'
import { resourceKey, type Document, type Kind, type ResourceKey } from '../../resources/resource.ts'
import type { Source } from '../../resources/source.ts'
import { API_VERSION, GROUP } from '../../resources/vocabulary.ts'
import type { Api } from './api.ts'
import { remedyOf, type Failure } from './failure.ts'
import { ListWatch, type Learnt } from './list-watch.ts'
import { referencesIn, type Reference, type References } from './references.ts'

export interface KubernetesSourceOptions {
  readonly api: Api
  readonly namespace: string
  /** Told what each document refers to. */
  readonly references: References
  /** Resolves, at the latest after a while, once it is known what is to be said of these references. */
  readonly look: (references: readonly Reference[]) => Promise<void> | undefined
  /** Told of each object as the server has it. */
  readonly onObject: (key: ResourceKey, object: Readonly<Record<string, unknown>>, how: Learnt) => void
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export interface KubernetesSource extends Source {
  /** How many changes of objects the watches were found to have missed. */
  readonly drift: number
}

/** Where the resources of a kind are. */
export function resourcePath(kind: Kind, namespace: string): string {
  return `/apis/${API_VERSION}/namespaces/${namespace}/${KINDS[kind].plural}`
}

/**
 * The custom resources of one namespace. Nothing is known, and so nothing deleted, before there has been a complete list of every kind;
 * what was known once stays while the server is away, a permission is withdrawn or a definition is missing.
 */
export function createKubernetesSource(options: KubernetesSourceOptions): KubernetesSource {
  const { namespace, references, look, onObject } = options
  let notify: (keys: ReadonlySet<ResourceKey>) => void = () => undefined
  const watches = new Map(KIND_NAMES.map((kind) => [kind, watchKind(kind)]))

  function watchKind(kind: Kind): ListWatch<Document> {
    return new ListWatch({
      ...options,
      path: resourcePath(kind, namespace),
      keep(object, before, how) {
        const document = keepDocument(kind, object, { before, namespace })
        if (document) onObject(document.key, object, how)
        return document
      },
      onChange: (names) => changed([...names].map((name) => resourceKey(kind, name))),
    })
  }

  /** A document is told of once its Secrets have been looked up: else each new one would be told to lack them, and at once again not to. */
  function changed(keys: readonly ResourceKey[]): void {
    const referred = keys.flatMap((key) => {
      const found = referencesIn(get(key)?.rawSpec)
      references.set(`document ${key}`, found)
      return found
    })
    const looking = look(referred)
    if (looking) void looking.then(() => notify(new Set(keys)))
    else notify(new Set(keys))
  }

  function get(key: ResourceKey): Document | undefined {
    const slash = key.indexOf('/')
    return watches.get(key.slice(0, slash) as Kind)?.objects.get(key.slice(slash + 1))
  }

  const all = () => [...watches.values()]
  const synced = () => all().every((watch) => watch.synced)
  return {
    get synced() {
      return synced()
    },
    get drift() {
      return all().reduce((sum, watch) => sum + watch.drift, 0)
    },
    get,
    keys: () =>
      [...watches].flatMap(([kind, { objects }]) => [...objects.keys()].map((name) => resourceKey(kind, name))),
    problems: () =>
      [...watches].flatMap(([kind, { trouble }]) => (trouble ? [troubleWith(kind, namespace, trouble)] : [])),
    notices: () => all().flatMap(({ objects }) => [...objects.values()].flatMap((document) => document.notices)),
    place: 'the cluster',
    silent: () => !synced(),
    async start(onChange) {
      notify = onChange
      await Promise.all(all().map((watch) => watch.start()))
    },
    async stop() {
      notify = () => undefined
      await Promise.all(all().map((watch) => watch.stop()))
    },
  }
}

/**
 * The status, which we write ourselves, and the server's bookkeeping are no change. An object that is being deleted counts as gone, whoever's
 * finalizer it waits for: nobody can take its deletion back, and deliveries must not go on for as long as that takes.
 */
function keepDocument(
  kind: Kind,
  object: Readonly<Record<string, unknown>>,
  { before, namespace }: { before: Document | undefined; namespace: string },
): Document | undefined {
  const { metadata, spec } = object
  const { name, deletionTimestamp } = metadata as { name: string; deletionTimestamp?: string }
  if (deletionTimestamp !== undefined) return undefined
  const document = documentFromObject({ apiVersion: API_VERSION, kind, metadata, spec }, `${namespace}/${name}`)
  return before && isDeepStrictEqual(before, document) ? before : document
}

/** What keeps a kind from being read, and what is to be done about it. */
function troubleWith(kind: Kind, namespace: string, failure: Failure): Problem {
  const { message } = failure
  const resource = `${KINDS[kind].plural}.${GROUP}`
  const place = { file: `${resource} in namespace ${namespace}`, line: 1, column: 1, path: '' }
  switch (failure.kind) {
    case 'missing':
      return {
        ...place,
        code: 'DefinitionMissing',
        message: `the cluster does not know ${resource}`,
        hint: 'Install it: kubectl apply -f crds/. What was in force stays meanwhile.',
      }
    case 'forbidden':
      return {
        ...place,
        code: 'NotPermitted',
        message: `may not be read: ${message}`,
        hint: `${upperFirst(remedyOf(failure, `grant list and watch on ${resource} to the operator's service account; docs/kubernetes.md has the Role`))}. What was in force stays meanwhile.`,
      }
    case 'unavailable':
    case 'expired':
    case 'conflict':
    case 'refused':
      return {
        ...place,
        code: 'Unreachable',
        message: `cannot be read: ${message}`,
        hint: 'Nothing, if the API server is away for a moment: it is tried again. What was in force stays meanwhile.',
      }
  }
}

const upperFirst = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
