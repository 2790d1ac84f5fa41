import type { Rendered } from '../support/helm.ts'
import type { PodSpec } from './pod-security.ts'

type Labels = Readonly<Record<string, string>>

interface ServiceSpec {
  readonly selector: Labels
  readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: string }[]
}

interface Template {
  readonly metadata: { readonly labels: Labels }
  readonly spec: PodSpec
}

const matches = (labels: Labels, selector: Labels) =>
  Object.entries(selector).every(([name, value]) => labels[name] === value)

/** Names that lead nowhere among the objects of one rendering, and names that two of them bear. */
export function brokenReferences(objects: readonly Rendered[]): string[] {
  const view = new View(objects)
  return [
    ...view.twice(),
    ...objects.flatMap((object) => {
      const check = CHECKS[object.kind]
      return (check?.(object.spec as never, view, object) ?? []).map(
        (why) => `${object.kind} ${object.metadata.name}: ${why}`,
      )
    }),
  ]
}

/** A StatefulSet's name goes into a label of its pods, with a hash behind it. */
const NAME_MAX: Readonly<Record<string, number>> = { Service: 63, Job: 63, Pod: 63, StatefulSet: 52 }

class View {
  readonly #objects: readonly Rendered[]

  constructor(objects: readonly Rendered[]) {
    this.#objects = objects
  }

  ofKind(kind: string): readonly Rendered[] {
    return this.#objects.filter((object) => object.kind === kind)
  }

  has(kind: string, name: string): boolean {
    return this.ofKind(kind).some(({ metadata }) => metadata.name === name)
  }

  service(name: string): ServiceSpec | undefined {
    return this.ofKind('Service').find(({ metadata }) => metadata.name === name)?.spec as ServiceSpec | undefined
  }

  templates(): Template[] {
    return this.#objects.flatMap(({ spec }) => (spec as { template?: Template } | undefined)?.template ?? [])
  }

  twice(): string[] {
    const names = this.#objects.map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`)
    const tooLong = this.#objects
      .filter(({ kind, metadata }) => metadata.name.length > (NAME_MAX[kind] ?? 253))
      .map(({ kind, metadata }) => `${kind} ${metadata.name}: too long`)
    return [...names.filter((name, index) => names.indexOf(name) !== index).map((name) => `${name} twice`), ...tooLong]
  }
}

type Check = (spec: never, view: View, object: Rendered) => string[]

const fault = (isRight: boolean, why: string) => (isRight ? [] : [why])

const CHECKS: Readonly<Record<string, Check>> = {
  /** Exactly one pod, the operator's, and a port of it. */
  Service({ selector, ports }: ServiceSpec, view) {
    const selected = view.templates().filter(({ metadata }) => matches(metadata.labels, selector))
    const open = selected.flatMap(({ spec }) => spec.containers.flatMap((container) => container.ports ?? []))
    return [
      ...fault(selected.length === 1, `selects ${selected.length} kinds of pods`),
      ...ports.flatMap(({ targetPort }) =>
        fault(
          open.some(({ name }) => name === targetPort),
          `no port ${targetPort}`,
        ),
      ),
    ]
  },
  StatefulSet(
    spec: {
      serviceName: string
      selector: { matchLabels: Labels }
      template: Template
      volumeClaimTemplates?: Rendered[]
    },
    view,
  ) {
    const volumes = [
      ...(spec.template.spec.volumes ?? []).map(({ name }) => name),
      ...(spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name),
    ]
    const mounts = spec.template.spec.containers.flatMap((container) => container.volumeMounts ?? [])
    const { serviceAccountName = '' } = spec.template.spec
    const elsewhere = view.ofKind('RoleBinding').length === 0
    return [
      ...fault(view.service(spec.serviceName) !== undefined, `no Service ${spec.serviceName}`),
      ...fault(matches(spec.template.metadata.labels, spec.selector.matchLabels), 'does not select its pods'),
      ...mounts.flatMap(({ name }) => fault(volumes.includes(name), `no volume ${name}`)),
      ...fault(elsewhere || view.has('ServiceAccount', serviceAccountName), `no ServiceAccount ${serviceAccountName}`),
    ]
  },
  Job({ template }: { template: Template }, view) {
    const { serviceAccountName = '' } = template.spec
    return fault(view.has('ServiceAccount', serviceAccountName), `no ServiceAccount ${serviceAccountName}`)
  },
  RoleBinding: (_spec: unknown, view, object) => boundTo('Role', view, object),
  ClusterRoleBinding: (_spec: unknown, view, object) => boundTo('ClusterRole', view, object),
  Ingress(
    spec: { rules: { http: { paths: { backend: { service: { name: string; port: { name: string } } } }[] } }[] },
    view,
  ) {
    const backends = spec.rules.flatMap(({ http }) => http.paths.map(({ backend }) => backend.service))
    return backends.flatMap(({ name, port }) =>
      fault(
        view.service(name)?.ports.some((one) => one.name === port.name) === true,
        `no port ${port.name} of ${name}`,
      ),
    )
  },
  HTTPRoute({ rules }: { rules: { backendRefs: { name: string; port: number }[] }[] }, view) {
    return rules
      .flatMap(({ backendRefs }) => backendRefs)
      .flatMap(({ name, port }) =>
        fault(view.service(name)?.ports.some((one) => one.port === port) === true, `no port ${port} of ${name}`),
      )
  },
  NetworkPolicy({ podSelector }: { podSelector: { matchLabels: Labels } }, view) {
    const selected = view.templates().filter(({ metadata }) => matches(metadata.labels, podSelector.matchLabels))
    return fault(selected.length === 1, `selects ${selected.length} kinds of pods`)
  },
  ServiceMonitor(spec: { selector: { matchLabels: Labels }; endpoints: { port: string }[] }, view) {
    const services = view
      .ofKind('Service')
      .filter(({ metadata }) => matches(metadata.labels ?? {}, spec.selector.matchLabels))
    const ports = services.flatMap((service) => (service.spec as ServiceSpec).ports.map(({ name }) => name))
    return spec.endpoints.flatMap(({ port }) => fault(ports.length === 1 && ports.includes(port), `no port ${port}`))
  },
}

function boundTo(kind: string, view: View, object: Rendered): string[] {
  const { name } = object['roleRef'] as { name: string }
  const [subject] = object['subjects'] as { name: string }[]
  const account = subject?.name ?? ''
  const isGiven = view.has('ServiceAccount', account) || view.ofKind('ServiceAccount').length === 0
  return [...fault(view.has(kind, name), `no ${kind} ${name}`), ...fault(isGiven, `no ServiceAccount ${account}`)]
}
