import { noSuchKind } from '../admin/refusal.ts'
import { kindNamed } from '../resources/kinds.ts'
import { isSubdomain } from '../resources/metadata.ts'
import type { Kind } from '../resources/resource.ts'
import { UsageError } from '../config.ts'

/** What a person means by `KIND[/NAME]`. */
export interface Target {
  readonly kind: Kind
  readonly name: string | undefined
}

/** Reads `KIND` or `KIND/NAME`; throws a UsageError for anything else. */
export function parseTarget(text: string): Target {
  const [kindName = '', name, ...rest] = text.split('/')
  const kind = kindNamed(kindName)
  if (!kind) {
    const { message, hint } = noSuchKind(kindName)
    throw new UsageError(`${message}\n${hint}`)
  }
  // What no resource can be called would also be a path of its own: `..`.
  if ((name !== undefined && !isSubdomain(name)) || rest.length > 0)
    throw new UsageError(`"${text}": expected KIND/NAME, for example webhook/billing`)
  return { kind, name }
}

/** `webhook/billing`, as messages name a resource. */
export function targetText(target: { kind: string; name: string }): string {
  return `${target.kind.toLowerCase()}/${target.name}`
}
