import { stringify } from 'yaml'
import { systemClock } from '../base/clock.ts'
import { programVersion } from '../config.ts'
import { customResourceDefinition } from '../resources/crd.ts'
import { KIND_NAMES } from '../resources/kinds.ts'
import { createApi } from '../sources/kubernetes/api.ts'
import { createConnection } from '../sources/kubernetes/connection.ts'
import { loadCredentials } from '../sources/kubernetes/credentials.ts'
import { applyDefinitions } from '../sources/kubernetes/definitions.ts'

const YAML = { lineWidth: 0, aliasDuplicateObjects: false }

/** Prints the CustomResourceDefinitions this version of the program was made for, as YAML. */
export function printDefinitions(stdout: (text: string) => void): void {
  const texts = KIND_NAMES.map((kind) => stringify(customResourceDefinition(kind), YAML))
  stdout(texts.join('---\n'))
}

/** Applies them to the cluster of the kubeconfig, or of the pod. Throws a UserError where that is refused. */
export async function applyDefinitionsToCluster(stdout: (text: string) => void): Promise<void> {
  const connection = createConnection(await loadCredentials({ asked: '--apply' }), systemClock, programVersion())
  try {
    await applyDefinitions(KIND_NAMES.map(customResourceDefinition), {
      api: createApi(connection.fetch, systemClock),
      clock: systemClock,
      signal: new AbortController().signal,
      onApplied: (name) => stdout(`${name} applied\n`),
    })
  } finally {
    await connection.close()
  }
}
