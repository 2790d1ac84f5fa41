import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Rendered } from './helm.ts'

/** A validator that ajv compiled from a published schema. */
interface Validator {
  (data: unknown): boolean
  errors?: readonly { readonly instancePath: string; readonly message?: string; readonly params: unknown }[] | null
}

const PACKAGES = join(import.meta.dirname, '..', '..', 'node_modules')

/** Where the published schemas of a group and version are; the kind is the end of the module's name. */
const MODULES: Readonly<Record<string, string>> = {
  v1: 'kubernetes-models/_schemas/IoK8sApiCoreV1',
  'apps/v1': 'kubernetes-models/_schemas/IoK8sApiAppsV1',
  'batch/v1': 'kubernetes-models/_schemas/IoK8sApiBatchV1',
  'networking.k8s.io/v1': 'kubernetes-models/_schemas/IoK8sApiNetworkingV1',
  'rbac.authorization.k8s.io/v1': 'kubernetes-models/_schemas/IoK8sApiRbacV1',
  'gateway.networking.k8s.io/v1': '@kubernetes-models/gateway-api/_schemas/IoK8sSigsGatewayApiApisV1',
  'monitoring.coreos.com/v1':
    '@kubernetes-models/prometheus-operator/_schemas/ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1',
  'argoproj.io/v1alpha1': '@kubernetes-models/argo-cd/_schemas/ComGithubArgoprojArgoCdV3PkgApisApplicationV1alpha1',
  'kustomize.toolkit.fluxcd.io/v1': '@kubernetes-models/flux-cd/_schemas/ComGithubFluxcdKustomizeControllerApiV1',
  'source.toolkit.fluxcd.io/v1': '@kubernetes-models/flux-cd/_schemas/ComGithubFluxcdSourceControllerApiV1',
  'helm.toolkit.fluxcd.io/v2': '@kubernetes-models/flux-cd/_schemas/ComGithubFluxcdHelmControllerApiV2',
  'external-secrets.io/v1':
    '@kubernetes-models/external-secrets/_schemas/ComGithubExternalSecretsExternalSecretsApisExternalsecretsV1',
}

/** What is wrong with an object by the published schema of its kind, unknown fields included; of kinds without one, that. */
export async function schemaProblems(object: Rendered): Promise<string[]> {
  const base = MODULES[object.apiVersion]
  if (base === undefined) return [`no schema is known of ${object.apiVersion}`]
  const { validate } = (await import(
    // By path: not every one of the packages lets its schemas be imported by name.
    pathToFileURL(join(PACKAGES, `${base}${object.kind}.js`)).href
  )) as { validate: Validator }
  const watched = watchReads(object)
  validate(watched.value)
  const wrong = (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message ?? JSON.stringify(params)}`,
  )
  return [...wrong, ...watched.unread()]
}

interface Watched {
  readonly value: unknown
  /** Places of fields that nobody asked for in objects of which something else was asked. */
  unread(): string[]
}

/**
 * The published schemas let unknown fields pass, and are there only as compiled validators. But a validator asks an object for every
 * property it knows, and where any is allowed for each that is there; so what it did not ask for, it does not know. Objects of
 * which nothing at all was asked are free in form.
 */
function watchReads(root: object): Watched {
  const asked = new Map<object, { readonly place: string; readonly keys: Set<string> }>()
  const wrap = (value: unknown, place: string): unknown => {
    if (typeof value !== 'object' || value === null) return value
    const entry = asked.get(value) ?? { place, keys: new Set<string>() }
    asked.set(value, entry)
    return new Proxy(value, {
      get(target, key, receiver) {
        if (typeof key === 'symbol') return Reflect.get(target, key, receiver) as unknown
        entry.keys.add(key)
        return wrap(Reflect.get(target, key) as unknown, `${place}/${key}`)
      },
    })
  }
  return {
    value: wrap(root, ''),
    unread: () =>
      [...asked].flatMap(([object, { place, keys }]) =>
        Array.isArray(object) || keys.size === 0
          ? []
          : Object.keys(object)
              .filter((key) => !keys.has(key))
              .map((key) => `${place}/${key} is not known`),
      ),
  }
}
