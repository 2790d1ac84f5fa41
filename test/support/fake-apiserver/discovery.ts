import type { Fields } from './object.ts'
import { type ResourceType, apiVersionOf } from './resource-type.ts'

/** Kinds that are asked and answered, never stored. */
export const REVIEWS: readonly Review[] = [
  { group: 'authorization.k8s.io', plural: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview' },
  { group: 'authorization.k8s.io', plural: 'selfsubjectrulesreviews', kind: 'SelfSubjectRulesReview' },
  { group: 'authentication.k8s.io', plural: 'selfsubjectreviews', kind: 'SelfSubjectReview' },
]

export interface Review {
  readonly group: string
  readonly plural: string
  readonly kind: string
}

export const VERSION = {
  major: '1',
  minor: '35',
  gitVersion: 'v1.35.0-fake',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'linux/amd64',
}

/** The answer to a discovery path; undefined for any other. */
export function discover(path: string, accept: string, types: readonly ResourceType[]): Discovered | undefined {
  const aggregated = /as=APIGroupDiscoveryList/.test(accept)
    ? (/v=(v2(?:beta1)?)/.exec(accept)?.[1] ?? 'v2')
    : undefined
  if (path === '/api')
    return aggregated ? aggregate(types, aggregated, true) : plain({ kind: 'APIVersions', versions: ['v1'] })
  if (path === '/apis') return aggregated ? aggregate(types, aggregated, false) : plain(groupList(types))
  const [, group = '', version] = /^\/(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path) ?? []
  const list = version === undefined ? undefined : resourceList(types, group, version)
  if (list) return plain(list)
  const [, onlyGroup] = /^\/apis\/([^/]+)$/.exec(path) ?? []
  return onlyGroup !== undefined && groupsOf(types).includes(onlyGroup)
    ? plain({ kind: 'APIGroup', apiVersion: 'v1', ...apiGroup(types, onlyGroup) })
    : undefined
}

export interface Discovered {
  readonly contentType: string
  readonly body: Fields
}

const plain = (body: Fields): Discovered => ({ contentType: 'application/json', body })

function groupsOf(types: readonly ResourceType[]): string[] {
  const groups = [...types, ...REVIEWS].map(({ group }) => group)
  return [...new Set(groups)].filter((group) => group !== '')
}

function versionsOf(types: readonly ResourceType[], group: string): string[] {
  const versions = types.filter((type) => type.group === group).map(({ version }) => version)
  return [...new Set(versions.length > 0 ? versions : ['v1'])]
}

function groupList(types: readonly ResourceType[]): Fields {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groupsOf(types).map((group) => apiGroup(types, group)) }
}

function apiGroup(types: readonly ResourceType[], group: string): Fields {
  const versions = versionsOf(types, group).map((version) => ({ groupVersion: `${group}/${version}`, version }))
  return { name: group, versions, preferredVersion: versions[0] }
}

function resourceList(types: readonly ResourceType[], group: string, version: string): Fields | undefined {
  const resources = types.filter((type) => type.group === group && type.version === version).flatMap(apiResources)
  const reviews = version === 'v1' ? REVIEWS.filter((one) => one.group === group).map(reviewResource) : []
  if (resources.length + reviews.length === 0) return undefined
  const groupVersion = group === '' ? version : `${group}/${version}`
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: [...resources, ...reviews] }
}

function apiResources(type: ResourceType): Fields[] {
  const { plural: name, singular: singularName, namespaced, kind, verbs, shortNames, categories } = type
  const lists = { ...(shortNames.length > 0 && { shortNames }), ...(categories.length > 0 && { categories }) }
  const main = { name, singularName, namespaced, kind, verbs, ...lists }
  const status = { name: `${name}/status`, singularName: '', namespaced, kind, verbs: STATUS_VERBS }
  return type.hasStatus ? [main, status] : [main]
}

const STATUS_VERBS = ['get', 'patch', 'update']

function reviewResource({ plural, kind }: Review): Fields {
  return { name: plural, singularName: kind.toLowerCase(), namespaced: false, kind, verbs: ['create'] }
}

function aggregate(types: readonly ResourceType[], version: string, isCore: boolean): Discovered {
  const apiVersion = `apidiscovery.k8s.io/${version}`
  const groups = isCore ? [''] : groupsOf(types)
  const items = groups.map((group) => ({
    metadata: { name: group, creationTimestamp: null },
    versions: versionsOf(types, group).map((name) => discoveredVersion(types, group, name)),
  }))
  return {
    contentType: `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
    body: { kind: 'APIGroupDiscoveryList', apiVersion, metadata: {}, items },
  }
}

function discoveredVersion(types: readonly ResourceType[], group: string, version: string): Fields {
  const resources = types.filter((type) => type.group === group && type.version === version).map(discovered)
  const reviews = REVIEWS.filter((one) => one.group === group && version === 'v1').map((one) => ({
    resource: one.plural,
    responseKind: { group, version, kind: one.kind },
    scope: 'Cluster',
    singularResource: one.kind.toLowerCase(),
    verbs: ['create'],
  }))
  return { version, freshness: 'Current', resources: [...resources, ...reviews] }
}

function discovered(type: ResourceType): Fields {
  const { group, version, kind, shortNames, categories } = type
  const responseKind = { group, version, kind }
  const status = { subresource: 'status', responseKind, verbs: STATUS_VERBS }
  return {
    resource: type.plural,
    responseKind,
    scope: type.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: type.singular,
    verbs: type.verbs,
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
    ...(type.hasStatus && { subresources: [status] }),
  }
}

/** The OpenAPI v3 documents: their index, and one of each group and version. */
export function openApi(path: string, types: readonly ResourceType[]): Fields | undefined {
  const versions = new Map(types.map((type) => [type.group === '' ? 'api/v1' : `apis/${apiVersionOf(type)}`, type]))
  if (path === '/openapi/v3') {
    const paths = [...versions.keys()].map((at) => [
      at,
      { serverRelativeURL: `/openapi/v3/${at}?hash=${types.length}` },
    ])
    return { paths: Object.fromEntries(paths) as Fields }
  }
  const wanted = versions.get(path.replace('/openapi/v3/', ''))
  return wanted && document(types.filter((type) => apiVersionOf(type) === apiVersionOf(wanted)))
}

function document(types: readonly ResourceType[]): Fields {
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: VERSION.gitVersion },
    paths: Object.assign({}, ...types.map(pathsOf)) as Fields,
    components: {
      schemas: Object.fromEntries(types.map((type) => [schemaName(type), { ...type.schema, ...gvk(type, true) }])),
    },
  }
}

const schemaName = ({ group, version, kind }: ResourceType) =>
  [...group.split('.').filter(Boolean).reverse(), version, kind].join('.')

function gvk({ group, version, kind }: ResourceType, asList: boolean): Fields {
  const one = { group, version, kind }
  return { 'x-kubernetes-group-version-kind': asList ? [one] : one }
}

function pathsOf(type: ResourceType): Fields {
  const root = type.group === '' ? '/api/v1' : `/apis/${apiVersionOf(type)}`
  const collection = `${root}${type.namespaced ? '/namespaces/{namespace}' : ''}/${type.plural}`
  return {
    [collection]: { get: operation(type, 'list', []), post: operation(type, 'post', WRITE_PARAMETERS) },
    [`${collection}/{name}`]: {
      get: operation(type, 'get', []),
      put: operation(type, 'put', WRITE_PARAMETERS),
      patch: operation(type, 'patch', WRITE_PARAMETERS),
      delete: operation(type, 'delete', ['dryRun']),
    },
  }
}

const WRITE_PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation', 'force']

function operation(type: ResourceType, action: string, parameters: readonly string[]): Fields {
  const schema = { $ref: `#/components/schemas/${schemaName(type)}` }
  return {
    'x-kubernetes-action': action,
    ...gvk(type, false),
    parameters: parameters.map((name) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } })),
    responses: { 200: { description: 'OK', content: { 'application/json': { schema } } } },
  }
}
