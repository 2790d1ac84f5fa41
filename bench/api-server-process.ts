import { join } from 'node:path'
import { customResourceDefinition } from '../src/resources/crd.ts'
import { KIND_NAMES } from '../src/resources/kinds.ts'
import { startFakeApiServer, type LoggedRequest, type Manifest } from '../test/support/fake-apiserver/index.ts'
import { answer, sharedNow } from './scope.ts'

/** The API server of the tests, in a process of its own, with our definitions and as many Webhooks as it is told to have. */
const rules = [{ verbs: ['*'], resources: ['*'] }]
const server = await startFakeApiServer({ tls: true, users: [{ name: 'operator', token: 'of the benchmark', rules }] })
for (const kind of KIND_NAMES) server.objects.put(customResourceDefinition(kind) as unknown as Manifest)

function webhook(namespace: string, index: number, description: string): Manifest {
  return {
    apiVersion: 'nepenthes.dev/v1',
    kind: 'Webhook',
    metadata: { name: `webhook-${index}`, namespace },
    spec: {
      displayName: `Webhook number ${index}`,
      description,
      url: `https://receiver-${index}.example.com/hooks`,
      events: ['time_entry:created', 'work_package:updated'],
      projects: [`project-${index}`],
    },
  }
}

const isWrite = ({ verb, resource }: LoggedRequest) =>
  ['create', 'patch'].includes(verb) && ['webhooks', 'apisettings', 'events'].includes(resource)

export interface Change {
  readonly namespace: string
  readonly index: number
  readonly description: string
}

export interface Write {
  readonly atMs: number
  readonly kind: 'status' | 'event'
}

answer({
  /** Writes a kubeconfig into the directory; answers its path. */
  kubeconfig: (directory: string) => server.kubeconfig(join(directory, 'kubeconfig')),
  fill: ({ namespace, count }: { namespace: string; count: number }) => {
    server.objects.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    for (let index = 0; index < count; index += 1) server.objects.put(webhook(namespace, index, 'as it was'))
  },
  /** Answers when the change was begun, on the clock all processes share. */
  change: ({ namespace, index, description }: Change) => {
    const at = sharedNow()
    server.objects.put(webhook(namespace, index, description))
    return at
  },
  /** The statuses and events the operator has written since the log was cleared; on this process's wall clock. */
  writes: () =>
    server.requests.all
      .filter(isWrite)
      .map(({ atMs, resource }): Write => ({ atMs, kind: resource === 'events' ? 'event' : 'status' })),
  lists: () => server.requests.count('list', 'webhooks'),
  requests: () => server.requests.all.length,
  clear: () => server.requests.clear(),
  /** How many Webhooks of a namespace have a status that is of their newest generation. */
  judged: (namespace: string) =>
    server.objects.list('webhooks', namespace).filter(({ metadata, status }) => {
      return (status as { observedGeneration?: number } | undefined)?.observedGeneration === metadata.generation
    }).length,
})
