import type { Json } from './cluster.ts'

/** A valid Webhook, with the given fields of its spec in place of the usual ones. */
export function webhook(name: string, spec: Json = {}, metadata: Json = {}) {
  return {
    apiVersion: 'nepenthes.dev/v1',
    kind: 'Webhook',
    metadata: { name, ...metadata },
    spec: { url: 'https://receiver.example/hooks', events: ['time_entry:created'], ...spec },
  }
}

export const webhooksPath = (namespace: string, rest = '') =>
  `/apis/nepenthes.dev/v1/namespaces/${namespace}/webhooks${rest}`

export function condition(type: string, status: string, observedGeneration = 1) {
  const lastTransitionTime = '2026-03-01T12:00:00Z'
  return { type, status, observedGeneration, reason: 'Tested', message: '', lastTransitionTime }
}

/** The value at a path such as `metadata.generation`. */
export function at(value: unknown, path: string): unknown {
  let found = value
  for (const step of path.split('.')) found = (found as Json | undefined)?.[step]
  return found
}
