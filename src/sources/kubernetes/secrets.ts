import { isDeepStrictEqual } from 'node:util'
import { sleep, type Clock, type Timer } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { SecretValue } from '../../base/secret.ts'
import { isRecord } from '../../resources/finding.ts'
import type { SecretLookup, SecretSource } from '../../resources/source.ts'
import type { Api } from './api.ts'
import { remedyOf, type Failure } from './failure.ts'
import { ListWatch } from './list-watch.ts'
import type { Reference, References } from './references.ts'

export interface KubernetesSecretsOptions {
  readonly api: Api
  readonly namespace: string
  readonly references: References
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export interface KubernetesSecrets extends SecretSource {
  /** How many changes of Secrets the watch was found to have missed. */
  readonly drift: number
  /** Looks up what these references need and is not known; undefined if nothing is. Gives up waiting after a second. */
  look(references: readonly Reference[]): Promise<void> | undefined
}

/** Only Secrets that bear it may be sent anywhere. */
export const SECRET_LABEL = 'nepenthes.dev/webhook'

/** What is kept of one Secret: the values that are referred to; undefined for the keys that are not. */
type Values = Map<string, SecretLookup | undefined>

const NOT_READ_YET: SecretLookup = { state: 'unreadable', reason: 'it has not been read yet' }
const NOT_TEXT = 'is not UTF-8 text: write a binary signature key as whsec_ and the base64 of its bytes'

/** A pass does not wait for the API server longer than this; it is told when the answer comes. */
const LOOK_MS_MAX = 1_000
/** Secrets that could not be read, or that no watch tells of for lack of the label or of a Secret, are asked for again, some at a time. */
const AGAIN_MS = 30_000
const AGAIN_MAX = 20
/** Requests by name at a time. */
const PARALLEL = 8

/**
 * The Secrets of one namespace that bear the label, by one watch; of their values those that are referred to, in memory only. Whether
 * another Secret lacks the label or does not exist is told by asking for it by name.
 */
export function createKubernetesSecrets(options: KubernetesSecretsOptions): KubernetesSecrets {
  const { api, namespace, references, clock } = options
  const path = `/api/v1/namespaces/${namespace}/secrets`
  const stopping = new AbortController()
  /** What asking by name has told of names that the watch does not know, or of keys it did not keep. */
  const asked = new Map<string, Asked>()
  const asking = new Map<string, Promise<void>>()
  /** The watch has told of them since they were asked for: the answer on its way may be older. */
  const overtaken = new Set<string>()
  /** Nothing is in the way; when that comes true, whatever has been said of any Secret may be said no longer. */
  let readable = false
  let notify: (names: ReadonlySet<string>) => void = () => undefined
  let again: Timer | undefined
  const watch = new ListWatch<Values>({
    ...options,
    path,
    labelSelector: `${SECRET_LABEL}=true`,
    keep(object, before) {
      outdate(nameOf(object))
      return keepValues(object, before, references)
    },
    onChange(names) {
      for (const name of names) outdate(name)
      const recovered = !readable && watch.synced && !watch.trouble
      readable = watch.synced && !watch.trouble
      const concerned = new Set(recovered ? [...names, ...references.names()] : names)
      // No name at all: why they cannot be read has changed, which concerns everything that could not be.
      if (names.size === 0) for (const name of references.names()) if (!watch.objects.has(name)) concerned.add(name)
      void settle(concerned).then(() => notify(concerned))
    },
  })

  /** There is another version of it, or it is gone: even if no value changed that is kept, one may have that an answer has told. */
  function outdate(name: string): void {
    asked.delete(name)
    if (asking.has(name)) overtaken.add(name)
  }

  function get(name: string, key: string): SecretLookup {
    const lookup = known(name, key)
    const asks = lookup === NOT_READ_YET && watch.synced && references.has(name, key)
    if (asks) void settle([name]).then(() => notify(new Set([name])))
    return lookup
  }

  function known(name: string, key: string): SecretLookup {
    const told = valueOf(watch.objects.get(name), key)
    if (told) return told
    const answer = asked.get(name)
    if (answer) return (answer.values ? valueOf(answer.values, key) : answer.lookup) ?? NOT_READ_YET
    if (!watch.synced && watch.trouble) return unreadable(namespace, watch.trouble)
    return NOT_READ_YET
  }

  /** Asks for each of these names that nothing is known of. */
  async function settle(names: Iterable<string>): Promise<void> {
    if (!watch.synced) return
    const waiting = [...new Set(names)].filter((name) => unknown(name))
    const work = async () => {
      for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) await ask(name)
    }
    await Promise.all(Array.from({ length: Math.min(PARALLEL, waiting.length) }, work))
  }

  /** Of a key that is referred to nothing is known: it was not when the Secret was read, or reading failed. */
  function unknown(name: string): boolean {
    return references.keys(name).some((key) => known(name, key).state === 'unreadable')
  }

  function hasFailed(name: string): boolean {
    return asked.get(name)?.lookup.state === 'unreadable'
  }

  function ask(name: string): Promise<void> {
    const running = asking.get(name) ?? askNow(name).finally(() => asking.delete(name))
    asking.set(name, running)
    return running
  }

  async function askNow(name: string): Promise<void> {
    overtaken.delete(name)
    const answer = await api.call({ path: `${path}/${encodeURIComponent(name)}`, signal: stopping.signal })
    if (stopping.signal.aborted) return
    if (overtaken.has(name)) return askNow(name)
    // At the end of the line of those to be asked for again.
    asked.delete(name)
    if (!answer.ok) {
      const missing = answer.error.kind === 'missing'
      asked.set(name, { lookup: missing ? { state: 'not-found' } : unreadable(namespace, answer.error) })
    } else if (!isRecord(answer.value) || !isOpen(answer.value)) asked.set(name, { lookup: { state: 'not-permitted' } })
    else asked.set(name, { lookup: KEY_MISSING, values: allValues(answer.value, references) })
  }

  function scheduleAgain(): void {
    again = clock.after(AGAIN_MS, () => {
      forgetUnused()
      void askAgain().then(() => {
        if (!stopping.signal.aborted) scheduleAgain()
      })
    })
  }

  /** No watch tells that nothing refers to a value any more. */
  function forgetUnused(): void {
    for (const [name, values] of watch.objects) dropUnused(name, values, references)
    for (const [name, { values }] of asked) {
      if (references.keys(name).length === 0) asked.delete(name)
      else if (values) dropUnused(name, values, references)
    }
  }

  /** The longest known first: what is asked again goes to the end of the line. */
  async function askAgain(): Promise<void> {
    const turned = new Set<string>()
    const due = [...asked.keys()].filter((name) => hasFailed(name) || !watch.objects.has(name))
    for (const name of due.slice(0, AGAIN_MAX)) {
      const before = asked.get(name)
      await ask(name)
      if (!isDeepStrictEqual(before?.lookup, asked.get(name)?.lookup)) turned.add(name)
    }
    if (turned.size > 0) notify(turned)
  }

  return {
    get drift() {
      return watch.drift
    },
    get,
    inForce: (resource, reads) => references.set(`in force ${resource}`, reads),
    look(wanted) {
      const names = wanted.map(({ name }) => name).filter(unknown)
      if (!watch.synced || names.length === 0) return undefined
      // Whoever was told that it cannot be read is told of what is known now.
      const failed = names.filter(hasFailed)
      const done = settle(names).then(() => {
        if (failed.length > 0) notify(new Set(failed))
      })
      const late = new AbortController()
      void done.then(() => late.abort())
      return Promise.race([done, sleep(clock, LOOK_MS_MAX, AbortSignal.any([late.signal, stopping.signal]))])
    },
    async start(onChange) {
      await watch.start()
      await settle(references.names())
      if (stopping.signal.aborted) return
      notify = onChange
      scheduleAgain()
    },
    async stop() {
      notify = () => undefined
      stopping.abort()
      again?.cancel()
      await watch.stop()
      await Promise.all(asking.values())
    },
  }
}

interface Asked {
  readonly lookup: SecretLookup
  /** Set for a Secret that may be used. */
  readonly values?: Values
}

const KEY_MISSING: SecretLookup = { state: 'key-missing' }

/** undefined: the value was not kept. */
function valueOf(values: Values | undefined, key: string): SecretLookup | undefined {
  if (!values) return undefined
  return values.has(key) ? values.get(key) : KEY_MISSING
}

function unreadable(namespace: string, failure: Failure): SecretLookup {
  if (failure.kind !== 'forbidden') return { state: 'unreadable', reason: failure.message }
  const remedy = remedyOf(failure, 'grant get, list and watch on secrets to its service account')
  const reason = `the operator may not read Secrets in namespace ${namespace}; ${remedy}`
  return { state: 'unreadable', reason }
}

function isOpen(object: Readonly<Record<string, unknown>>): boolean {
  const metadata = isRecord(object['metadata']) ? object['metadata'] : {}
  return isRecord(metadata['labels']) && metadata['labels'][SECRET_LABEL] === 'true'
}

function keepValues(
  object: Readonly<Record<string, unknown>>,
  before: Values | undefined,
  references: References,
): Values | undefined {
  if (!isOpen(object)) return undefined
  const values = allValues(object, references)
  return before && sameValues(before, values) ? before : values
}

function allValues(object: Readonly<Record<string, unknown>>, references: References): Values {
  const name = nameOf(object)
  const data = isRecord(object['data']) ? object['data'] : {}
  return new Map(
    Object.entries(data).map(([key, value]) => [key, references.has(name, key) ? decode(value) : undefined]),
  )
}

function dropUnused(name: string, values: Values, references: References): void {
  for (const key of values.keys()) if (!references.has(name, key)) values.set(key, undefined)
}

function nameOf(object: Readonly<Record<string, unknown>>): string {
  return String((object['metadata'] as Record<string, unknown>)['name'])
}

/** A key is never guessed: replacing bytes that are no text would sign with another one. */
function decode(value: unknown): SecretLookup {
  try {
    const bytes = Buffer.from(typeof value === 'string' ? value : '', 'base64')
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return { state: 'found', value: new SecretValue(text) }
  } catch {
    return { state: 'malformed', reason: NOT_TEXT }
  }
}

/** Values are compared by what they reveal: to everything else two Secrets look alike. */
function sameValues(a: Values, b: Values): boolean {
  if (a.size !== b.size) return false
  for (const [key, before] of a) {
    const after = b.get(key)
    if (!b.has(key) || before?.state !== after?.state) return false
    if (before?.state === 'found' && after?.state === 'found' && !before.value.equals(after.value)) return false
  }
  return true
}
