import { afterAll, beforeAll, expect, test } from 'vitest'
import { KIND_NAMES, KINDS } from '../../src/resources/kinds.ts'
import { readCorpus } from '../resources/corpus.ts'
import { readByKubectl } from '../support/kubectl.ts'
import { type Cluster, type Json, openCluster } from './cluster.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await openCluster()
})
afterAll(() => cluster.close())

const corpus = readCorpus()

/** Whether the server would store it, asked strictly and without storing it. */
async function isAccepted(object: Json): Promise<boolean> {
  const kind = KIND_NAMES.find((name) => name === object['kind'])
  if (!kind || object['apiVersion'] !== 'nepenthes.dev/v1') return false
  // A version may not come with what is to be created; kubectl compares it before it sends anything.
  const { resourceVersion: _, ...metadata } = (object['metadata'] ?? {}) as Json
  const path = `/apis/nepenthes.dev/v1/namespaces/${cluster.namespace}/${KINDS[kind].plural}`
  const body = { ...object, metadata: { ...metadata, namespace: cluster.namespace } }
  return (await cluster.request('POST', `${path}?dryRun=All&fieldValidation=Strict`, { body })).status === 201
}

test('what kubectl reads of the corpus, the server accepts and refuses as foreseen', async () => {
  const read = readByKubectl(corpus.map(({ text }) => text))
  const differing: string[] = []
  for (const [index, { at, expected, clusterCannot }] of corpus.entries()) {
    // Of metadata the server has rules of its own, which are not in our definitions.
    if (clusterCannot === 'metadata') continue
    const foreseen = expected.length === 0 || clusterCannot !== undefined
    const verdicts = await Promise.all((read[index] ?? []).map((object) => isAccepted(object as Json)))
    const accepted = read[index] !== undefined && verdicts.every(Boolean)
    if (accepted !== foreseen) differing.push(`${at}: the server ${accepted ? 'accepts' : 'refuses'} it`)
  }
  expect(differing).toEqual([])
})
