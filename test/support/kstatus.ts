export type KStatus = 'InProgress' | 'Failed' | 'Current' | 'Terminating'

interface Judged {
  readonly metadata: { readonly generation?: number; readonly deletionTimestamp?: string }
  readonly status?: {
    readonly observedGeneration?: number
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
  }
}

/**
 * How an object stands for tools that know nothing of its kind: `flux`, `kpt`, `kubectl apply --prune` and the like wait by this. The
 * rules and their order are those of sigs.k8s.io/cli-utils, pkg/kstatus, for kinds it has no rules of its own for.
 */
export function kstatusOf({ metadata, status = {} }: Judged): KStatus {
  const { observedGeneration, conditions = [] } = status
  const stands = (type: string) => conditions.find((condition) => condition.type === type)?.status
  if (metadata.deletionTimestamp !== undefined) return 'Terminating'
  if (observedGeneration !== undefined && observedGeneration !== metadata.generation) return 'InProgress'
  if (stands('Reconciling') === 'True') return 'InProgress'
  if (stands('Stalled') === 'True') return 'Failed'
  const ready = stands('Ready')
  return ready === undefined || ready === 'True' ? 'Current' : 'InProgress'
}
