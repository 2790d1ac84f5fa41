import { isDeepStrictEqual } from 'node:util'
import { duplicate } from '../../resources/environment.ts'
import type { Notice, Problem } from '../../resources/problem.ts'
import type { Document, ParsedFile, ResourceKey } from '../../resources/resource.ts'

/** What is known of one file: what it last said, and what is wrong with it now. */
interface FileSays {
  readonly documents: readonly Document[]
  /** In force from an earlier reading. The latest has documents that cannot be told apart: these may be among them. */
  readonly kept: readonly Document[]
  readonly problems: readonly Problem[]
  readonly notices: readonly Notice[]
  /** It could be read but not understood, or not all of it: what it lacks may be there all the same. */
  readonly silent: boolean
  /** Set while it cannot be read: the rest is from before. */
  readonly failure: readonly Problem[]
}

interface Claim {
  readonly path: string
  readonly document: Document
  readonly kept: boolean
}

const NOTHING: FileSays = { documents: [], kept: [], problems: [], notices: [], silent: false, failure: [] }

/**
 * The resources of all files, derived from what each file says. Where two documents have the same kind and name the one that held the
 * name stays; among newcomers the first by path, in byte order, then by place. A file on its way out yields to any other.
 *
 * A mistake in the group of `apiVersion`, in `kind` or in `metadata.name` makes a document one that cannot be told apart. It must not
 * delete the resource it was (a cluster would refuse it and keep the object), so until a reading without such problems, what was in
 * force from that file and is missing from it is kept. A document removed in the same edit is kept as long; one that moved yields to
 * where it is now.
 */
export class DocumentView {
  readonly #files = new Map<string, FileSays>()
  readonly #claims = new Map<ResourceKey, Claim[]>()
  readonly #held = new Map<ResourceKey, Claim>()
  readonly #duplicates = new Map<ResourceKey, readonly Problem[]>()
  readonly #isVanishing: (path: string) => boolean

  constructor(isVanishing: (path: string) => boolean) {
    this.#isVanishing = isVanishing
  }

  get(key: ResourceKey): Document | undefined {
    return this.#held.get(key)?.document
  }

  keys(): Iterable<ResourceKey> {
    return this.#held.keys()
  }

  isSilent(path: string): boolean {
    return this.#files.get(path)?.silent ?? false
  }

  problems(): Problem[] {
    return [
      ...[...this.#files.values()].flatMap(({ problems, failure }) => [...failure, ...problems]),
      ...[...this.#duplicates.values()].flat(),
    ]
  }

  notices(): Notice[] {
    return [...this.#files.values()].flatMap(({ notices }) => notices)
  }

  /** A new reading of a file. The keys it touched are to be settled afterwards. */
  read(path: string, parsed: ParsedFile, touched: Set<ResourceKey>): void {
    const { documents, problems, notices } = parsed
    const before = this.#says(path)
    if (saysNothing(parsed)) return this.#replace(path, { ...before, problems, silent: true, failure: [] }, touched)
    const silent = problems.length > 0
    const kept = silent ? this.#missing([...before.documents, ...before.kept], documents) : []
    this.#replace(path, { documents, kept, problems, notices, silent, failure: [] }, touched)
  }

  /** It can be read again and says what it said before. Someone else may hold its names by now. */
  recovered(path: string, touched: Set<ResourceKey>): void {
    this.#replace(path, { ...this.#says(path), failure: [] }, touched)
  }

  /** The file is there but cannot be read: what it said stays. */
  failed(path: string, failure: readonly Problem[], touched: Set<ResourceKey>): void {
    this.#replace(path, { ...this.#says(path), failure }, touched)
  }

  gone(path: string, touched: Set<ResourceKey>): void {
    this.#replace(path, NOTHING, touched)
    this.#files.delete(path)
  }

  /** Decides who holds each of these keys; which of them now say something else than before. */
  settle(touched: ReadonlySet<ResourceKey>): Set<ResourceKey> {
    return new Set([...touched].filter((key) => this.#settleKey(key)))
  }

  #says(path: string): FileSays {
    return this.#files.get(path) ?? NOTHING
  }

  /** Those in force that a new reading does not contain. */
  #missing(before: readonly Document[], now: readonly Document[]): Document[] {
    const present = new Set(now.map(({ key }) => key))
    return before.filter((document) => !present.has(document.key) && this.get(document.key) === document)
  }

  #replace(path: string, says: FileSays, touched: Set<ResourceKey>): void {
    const before = this.#says(path)
    for (const { key } of [...before.documents, ...before.kept]) {
      touched.add(key)
      const others = this.#claimsTo(key).filter((claim) => claim.path !== path)
      if (others.length > 0) this.#claims.set(key, others)
      else this.#claims.delete(key)
    }
    const kept = says.kept.filter((document) => this.get(document.key) === document)
    for (const document of says.documents) this.#claim({ path, document, kept: false }, touched)
    for (const document of kept) this.#claim({ path, document, kept: true }, touched)
    this.#files.set(path, { ...says, kept })
  }

  #claim(claim: Claim, touched: Set<ResourceKey>): void {
    const { key } = claim.document
    touched.add(key)
    const claims = this.#claims.get(key)
    if (claims) claims.push(claim)
    else this.#claims.set(key, [claim])
  }

  #claimsTo(key: ResourceKey): readonly Claim[] {
    return this.#claims.get(key) ?? []
  }

  #settleKey(key: ResourceKey): boolean {
    const before = this.#held.get(key)
    const claims = this.#claimsTo(key)
    const staying = claims.filter(({ path, kept }) => !kept && !this.#isVanishing(path))
    const contenders = staying.length > 0 ? staying : claims
    const holder = contenders.find(({ path }) => path === before?.path) ?? firstByPath(contenders)
    if (holder) this.#held.set(key, holder)
    else this.#held.delete(key)
    this.#dropKept(key, holder)
    this.#noteDuplicates(key, holder, contenders)
    return !isDeepStrictEqual(before?.document, holder?.document)
  }

  /** What was kept has moved once another holds its name: it does not come back when that one goes. */
  #dropKept(key: ResourceKey, holder: Claim | undefined): void {
    const claims = this.#claimsTo(key).filter((claim) => !claim.kept || claim === holder)
    if (claims.length > 0) this.#claims.set(key, claims)
  }

  #noteDuplicates(key: ResourceKey, holder: Claim | undefined, contenders: readonly Claim[]): void {
    const losers = contenders.filter((claim) => claim !== holder)
    if (!holder || losers.length === 0) this.#duplicates.delete(key)
    else
      this.#duplicates.set(
        key,
        losers.map(({ document }) => duplicate(document, holder.document)),
      )
  }
}

function saysNothing({ problems }: ParsedFile): boolean {
  return problems.some(({ code }) => code === 'Unreadable' || code === 'Unparsable')
}

/** Paths in the order of their bytes; within a file the claims are in the order of its documents. */
function firstByPath(claims: readonly Claim[]): Claim | undefined {
  let first: Claim | undefined
  for (const claim of claims) if (!first || byteOrder(claim.path, first.path) < 0) first = claim
  return first
}

function byteOrder(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b))
}
