import type { OAuthClient, OAuthScope } from '@jmondi/oauth2-server'
import type { Expectation } from '../../storage/store.ts'
import type { ApplicationRecord } from '../../storage/tables.ts'
import { redirectUrisOf } from './applications.ts'
import { SCOPE } from './lifetimes.ts'
import type { Params } from './params.ts'
import type { Unit } from './unit.ts'

/** A request the library is asked to answer, and what it has led to. */
export interface Asked {
  readonly application: ApplicationRecord
  readonly params: Params
  readonly unit: Unit
}

/**
 * The library compares times with the system's clock, but ours decides: what has expired by it is not shown to the library, and what
 * is shown does not expire. That, and `DateInterval`, whose times nothing of ours looks at, are all it knows of time.
 */
export const NEVER = new Date(8_640_000_000_000_000)

export const SCOPES: OAuthScope[] = [{ name: SCOPE }]

export function clientOf(application: ApplicationRecord): OAuthClient {
  const { clientId, name, secretHash } = application
  return {
    ...{ id: clientId, name, secret: secretHash, redirectUris: redirectUrisOf(application) },
    ...{ allowedGrants: [], scopes: SCOPES },
  }
}

/** Whoever is being locked or deleted just now allows nothing, and an application that is gets nothing. */
export function whoAllows(application: ApplicationRecord, userId: number): Expectation[] {
  return [
    { kind: 'row', table: 'applications', id: application.id, values: { active: true } },
    { kind: 'row', table: 'users', id: userId, values: { status: 'active' } },
  ]
}
