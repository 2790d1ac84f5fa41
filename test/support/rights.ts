import type { AccessRule, LoggedRequest } from './fake-apiserver/index.ts'

/** Each right as `verb resource.group`, with `#name` behind where it is limited to a name; sorted. */
export function rightsOf(rules: readonly AccessRule[]): string[] {
  const rights = rules.flatMap(({ verbs, apiGroups = [''], resources, resourceNames = [''] }) =>
    product(verbs, resources, apiGroups, resourceNames).map(([verb, resource, group, name]) =>
      right({ verb, resource, group, name }),
    ),
  )
  return [...new Set(rights)].sort()
}

/** The rights that requests made use of. A right that is limited to names in the rules is told with the name. */
export function rightsUsed(requests: readonly LoggedRequest[], rules: readonly AccessRule[]): string[] {
  const limited = new Set(rightsOf(rules).filter((text) => text.includes('#')))
  const rights = requests
    .filter(({ resource }) => resource !== '')
    .map(({ verb, resource, subresource, group, name }) => {
      const full = subresource === undefined ? resource : `${resource}/${subresource}`
      const named = right({ verb, resource: full, group, name })
      return limited.has(named) ? named : right({ verb, resource: full, group, name: '' })
    })
  return [...new Set(rights)].sort()
}

interface Right {
  readonly verb: string
  readonly resource: string
  readonly group: string
  readonly name: string
}

function right({ verb, resource, group, name }: Right): string {
  const what = group === '' ? resource : `${resource}.${group}`
  return name === '' ? `${verb} ${what}` : `${verb} ${what}#${name}`
}

type Four = [string, string, string, string]

function product(...lists: readonly (readonly string[])[]): Four[] {
  return lists.reduce<string[][]>(
    (all, list) => all.flatMap((one) => list.map((each) => [...one, each])),
    [[]],
  ) as Four[]
}
