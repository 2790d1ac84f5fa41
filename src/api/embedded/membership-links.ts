import { ok, type Result } from '../../base/result.ts'
import type { MembershipRecord, ProjectRecord, UserRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import type { ApiError } from '../errors.ts'
import { seesUser } from '../permissions.ts'
import { ROLES } from '../roles.ts'
import { findVisibleProject, parseId, readRow } from '../v3/find.ts'
import { isAssignable } from './assignable.ts'
import { readBody, readOnly, reference, references, violation, type RequestBody } from './body.ts'
import { readPresent, type Parsed } from './shape.ts'

/** What a request says of a membership: who, where and in which roles. */

export type RoleColumns = Pick<MembershipRecord, 'isMember' | 'isProjectAdmin'>

const LINKS = {
  project: reference('projects', 'workspaces'),
  principal: reference('users', 'principals'),
  roles: references('roles'),
}

export interface MembershipInput {
  readonly body: RequestBody
  readonly links: Parsed<typeof LINKS>
  readonly errors: readonly ApiError[]
}

export function readMembership(raw: unknown): Result<MembershipInput, ApiError> {
  const body = readBody(raw)
  if (!body.ok) return body
  const errors: ApiError[] = []
  const links = readPresent(body.value.links, LINKS, (parse) => parse, errors)
  return ok({ body: body.value, links: links, errors })
}

export async function linkedProject(
  { store }: ApiContext,
  viewer: Viewer,
  text: string | null | undefined,
  errors: ApiError[],
): Promise<ProjectRecord | undefined> {
  if (text == null) {
    errors.push(violation('project', "Project can't be blank."))
    return undefined
  }
  const project = await findVisibleProject(store, viewer, text)
  if (project.ok) return project.value
  errors.push(violation('project', 'Project does not exist.'))
  return undefined
}

export async function linkedUser(
  { store }: ApiContext,
  viewer: Viewer,
  text: string | null | undefined,
  errors: ApiError[],
): Promise<UserRecord | undefined> {
  const user = text == null ? undefined : await readRow(store, 'users', text)
  const known = user && (await seesUser(store, viewer, user.id))
  if (known && isAssignable(user)) return user
  const why = text == null ? "can't be blank." : known ? 'cannot be assigned to a project.' : 'does not exist.'
  errors.push(violation('principal', `User ${why}`))
  return undefined
}

export function roleColumns(ids: readonly string[] | undefined, errors: ApiError[]): RoleColumns | undefined {
  const numbers = (ids ?? []).map(parseId)
  if (!numbers.every((id) => ROLES.some((role) => role.id === id))) {
    errors.push(violation('roles', 'Roles has an unassignable role.'))
    return undefined
  }
  if (numbers.length === 0) {
    errors.push(violation('roles', 'Roles need to be assigned.'))
    return undefined
  }
  const has = (column: keyof RoleColumns) => ROLES.some((role) => role.column === column && numbers.includes(role.id))
  return { isMember: has('isMember'), isProjectAdmin: has('isProjectAdmin') }
}

/** Clients send whole representations back: the same project and principal are no change. */
export function checkPlace(
  links: MembershipInput['links'],
  { projectId, userId }: MembershipRecord,
  project: ProjectRecord,
): ApiError[] {
  const sameProject = [undefined, String(projectId), project.identifier].includes(links.project ?? undefined)
  const sameUser = [undefined, String(userId)].includes(links.principal ?? undefined)
  return [
    ...(sameProject && links.project !== null ? [] : [readOnly('project')]),
    ...(sameUser && links.principal !== null ? [] : [readOnly('principal')]),
  ]
}
