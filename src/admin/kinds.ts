import type { Kind } from '../resources/resource.ts'

/** What people may call each kind, in lower case: kind, plural, short names. */
const NAMES: Record<Kind, readonly string[]> = {
  ApiSettings: ['apisettings'],
  Webhook: ['webhook', 'webhooks', 'nwh'],
}

export const KINDS = Object.keys(NAMES) as Kind[]

/** The kind meant by a kind, plural or short name in any case, as kubectl takes them; undefined if there is none. */
export function kindOf(name: string): Kind | undefined {
  const normal = name.toLowerCase()
  return KINDS.find((kind) => NAMES[kind].includes(normal))
}

/** For messages about a kind there is not. */
export const KINDS_HINT = `The kinds are ${KINDS.map((kind) => NAMES[kind].join(' or ')).join(', and ')}.`
