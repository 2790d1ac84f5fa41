/** What a path means, as the API server's RequestInfo has it. */
export interface RequestInfo {
  readonly verb: string
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly namespace: string | undefined
  readonly name: string
  readonly subresource: string | undefined
}

const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
  GET: 'get',
  HEAD: 'get',
}

/** Undefined for what is no resource: discovery, health, documents. */
export function requestInfo(method: string, path: string, query: URLSearchParams): RequestInfo | undefined {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent)
  const [root, ...afterRoot] = parts
  const [group = '', version, ...rest] = root === 'api' ? ['', ...afterRoot] : root === 'apis' ? afterRoot : []
  if (version === undefined || rest.length === 0) return undefined
  const { namespace, resource, name, subresource } = place(rest)
  if (resource === undefined) return undefined
  return { verb: verb(method, name, query), group, version, resource, namespace, name: name ?? '', subresource }
}

/** `namespaces/NAME` is the namespace itself; `namespaces/NAME/RESOURCE` what is in it. */
function place(rest: readonly string[]) {
  const [first, second, third] = rest
  const isInside = first === 'namespaces' && third !== undefined && !['status', 'finalize'].includes(third)
  const [resource, name, subresource] = isInside ? rest.slice(2) : rest
  // RBAC speaks of the namespace of a namespace.
  const namespace = first === 'namespaces' ? second : undefined
  return { namespace, resource, name, subresource }
}

function verb(method: string, name: string | undefined, query: URLSearchParams): string {
  const plain = VERBS[method] ?? method.toLowerCase()
  if (name !== undefined) return plain
  if (plain === 'delete') return 'deletecollection'
  if (plain !== 'get') return plain
  return ['true', '1'].includes(query.get('watch') ?? '') ? 'watch' : 'list'
}
