interface SecurityContext {
  readonly allowPrivilegeEscalation?: boolean
  readonly privileged?: boolean
  readonly runAsNonRoot?: boolean
  readonly runAsUser?: number
  readonly procMount?: string
  readonly readOnlyRootFilesystem?: boolean
  readonly seccompProfile?: { readonly type: string }
  readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] }
}

export interface Container {
  readonly name: string
  readonly image: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[]
  readonly ports?: readonly { readonly name: string; readonly containerPort: number; readonly hostPort?: number }[]
  readonly securityContext?: SecurityContext
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[]
  readonly resources?: unknown
}

export interface PodSpec {
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly securityContext?: SecurityContext & { readonly sysctls?: readonly unknown[] }
  readonly volumes?: readonly Readonly<Record<string, unknown>>[]
  readonly serviceAccountName?: string
  readonly automountServiceAccountToken?: boolean
  readonly terminationGracePeriodSeconds?: number
  readonly hostNetwork?: boolean
  readonly hostPID?: boolean
  readonly hostIPC?: boolean
}

const VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]

/** What the Pod Security Standard `restricted` refuses in a pod. (kubernetes.io/docs/concepts/security/pod-security-standards) */
export function restrictedProblems(pod: PodSpec): string[] {
  const problems: string[] = []
  for (const shared of ['hostNetwork', 'hostPID', 'hostIPC'] as const) if (pod[shared]) problems.push(shared)
  if (pod.securityContext?.sysctls?.length) problems.push('sysctls')
  for (const { name, ...source } of pod.volumes ?? [])
    for (const kind of Object.keys(source))
      if (!VOLUMES.includes(kind)) problems.push(`volume ${String(name)}: ${kind}`)
  for (const container of [...pod.containers, ...(pod.initContainers ?? [])])
    problems.push(...containerProblems(container, pod.securityContext ?? {}).map((why) => `${container.name}: ${why}`))
  return problems
}

function containerProblems({ securityContext: own = {}, ports = [] }: Container, pod: SecurityContext): string[] {
  const context = { ...pod, ...own }
  const { drop = [], add = [] } = own.capabilities ?? {}
  const rules: Record<string, boolean> = {
    privileged: own.privileged !== true,
    'privilege escalation': own.allowPrivilegeEscalation === false,
    root: context.runAsNonRoot === true && context.runAsUser !== 0,
    seccomp: ['RuntimeDefault', 'Localhost'].includes(context.seccompProfile?.type ?? ''),
    'capabilities kept': drop.includes('ALL'),
    'capabilities added': add.every((capability) => capability === 'NET_BIND_SERVICE'),
    'proc mount': own.procMount === undefined || own.procMount === 'Default',
    'host port': ports.every(({ hostPort }) => hostPort === undefined || hostPort === 0),
  }
  return Object.keys(rules).filter((rule) => !rules[rule])
}
