import type { AccessRule, FakeApiServer } from '../support/fake-apiserver/index.ts'
import type { KubeObject } from '../support/fake-apiserver/object.ts'

/** Who installs: somebody who may do everything. */
export const ADMIN = { name: 'admin', token: 'the token of the admin', rules: [{ verbs: ['*'], resources: ['*'] }] }

interface Subject {
  readonly kind: string
  readonly name: string
  readonly namespace: string
}

/** The service accounts that the stored bindings speak of, each with what is bound to it: what RBAC does in a cluster. */
export function grantBound(server: FakeApiServer): void {
  const bindings = [...server.objects.list('rolebindings'), ...server.objects.list('clusterrolebindings')]
  const rules = new Map<string, AccessRule[]>()
  for (const binding of bindings)
    for (const { name, namespace } of binding['subjects'] as readonly Subject[]) {
      const account = accountName(namespace, name)
      rules.set(account, [...(rules.get(account) ?? []), ...rulesOf(server, binding)])
    }
  const accounts = [...rules].map(([name, own]) => ({ name, token: `the token of ${name}`, rules: own }))
  server.setUsers([ADMIN, ...accounts])
}

export const accountName = (namespace: string, name: string) => `system:serviceaccount:${namespace}:${name}`

function rulesOf(server: FakeApiServer, binding: KubeObject): AccessRule[] {
  const { kind, name } = binding['roleRef'] as { kind: string; name: string }
  const { namespace } = binding.metadata
  const role = kind === 'Role' ? server.objects.get('roles', name, namespace) : server.objects.get('clusterroles', name)
  const rules = (role?.['rules'] ?? []) as readonly AccessRule[]
  return rules.map((rule) => (kind === 'Role' && namespace !== undefined ? { ...rule, namespaces: [namespace] } : rule))
}
