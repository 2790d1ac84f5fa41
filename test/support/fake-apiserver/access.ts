import type { Fields } from './object.ts'
import { isFields } from './object.ts'

/** What somebody may do; `*` stands for everything. Without `namespaces`, in all and outside. */
export interface AccessRule {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  /** Plurals, with a subresource as `webhooks/status`. */
  readonly resources: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly namespaces?: readonly string[]
}

export interface User {
  readonly name: string
  readonly token: string
  readonly groups?: readonly string[]
  readonly rules: readonly AccessRule[]
}

export interface Attributes {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly subresource: string | undefined
  readonly name: string
  readonly namespace: string | undefined
}

export interface Access {
  /** Who bears this Authorization header; undefined for nobody known. */
  authenticate(authorization: string | undefined): User | undefined
  allows(user: User, attributes: Attributes): boolean
  /** Changes what is known: a rotated token, a right taken away. */
  setUsers(users: readonly User[] | undefined): void
}

/** Without users everybody may do everything, with no token or any. */
export function createAccess(initial: readonly User[] | undefined): Access {
  let users = initial
  return {
    authenticate(authorization) {
      if (!users) return EVERYBODY
      const [, token] = /^Bearer (.+)$/i.exec(authorization ?? '') ?? []
      return users.find((user) => user.token === token)
    },
    allows: ({ rules }, attributes) => rules.some((rule) => permits(rule, attributes)),
    setUsers(next) {
      users = next
    },
  }
}

const EVERYTHING: AccessRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }
const EVERYBODY: User = { name: 'system:admin', token: '', groups: ['system:masters'], rules: [EVERYTHING] }

function permits(rule: AccessRule, { verb, group, resource, subresource, name, namespace }: Attributes): boolean {
  const full = subresource ? `${resource}/${subresource}` : resource
  const has = (list: readonly string[] | undefined, value: string) =>
    list === undefined || list.includes('*') || list.includes(value)
  return (
    has(rule.verbs, verb) &&
    has(rule.apiGroups, group) &&
    has(rule.resources, full) &&
    (rule.resourceNames === undefined || rule.resourceNames.includes(name)) &&
    (rule.namespaces === undefined || (namespace !== undefined && rule.namespaces.includes(namespace)))
  )
}

/** Why somebody may not, in the words of RBAC. */
export function refusal({ name: user }: User, { verb, group, resource, subresource, namespace }: Attributes): string {
  const full = subresource ? `${resource}/${subresource}` : resource
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`
  return `User "${user}" cannot ${verb} resource "${full}" in API group "${group}" ${where}`
}

/** Answers the review kinds of authorization and authentication, which are asked about oneself and never stored. */
export function review(kind: string, body: unknown, user: User, access: Access): Fields {
  const sent = isFields(body) ? body : {}
  const { name: username, groups = [] } = user
  if (kind === 'SelfSubjectReview') return { ...sent, status: { userInfo: { username, groups } } }
  if (kind === 'SelfSubjectRulesReview') return { ...sent, status: rulesStatus(user) }
  const spec = isFields(sent['spec']) ? sent['spec'] : {}
  const allowed = !isFields(spec['resourceAttributes']) || access.allows(user, attributesOf(spec['resourceAttributes']))
  return { ...sent, status: { allowed } }
}

function rulesStatus({ rules }: User): Fields {
  const resourceRules = rules.map(({ verbs, apiGroups = ['*'], resources, resourceNames }) => ({
    verbs,
    apiGroups,
    resources,
    ...(resourceNames && { resourceNames }),
  }))
  return { resourceRules, nonResourceRules: [], incomplete: false }
}

function attributesOf(sent: Fields): Attributes {
  const text = (field: string) => (typeof sent[field] === 'string' ? sent[field] : '')
  const [namespace, subresource] = [text('namespace'), text('subresource')]
  return {
    verb: text('verb'),
    group: text('group'),
    resource: text('resource'),
    subresource: subresource === '' ? undefined : subresource,
    name: text('name'),
    namespace: namespace === '' ? undefined : namespace,
  }
}
