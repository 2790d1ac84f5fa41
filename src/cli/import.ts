import { Command } from 'commander'
import { isInside } from '../base/paths.ts'
import { fail, ok, type Result } from '../base/result.ts'
import { flag, parseNamespace, readOption, settleEnvironment, UsageError } from '../config.ts'
import type { Io } from './io.ts'

/** What `nepenthes import` was asked to do. */
export interface ImportWish {
  readonly from: 'cluster' | 'files'
  /** Files and directories; empty from a cluster. */
  readonly paths: readonly string[]
  /** Undefined: standard output. */
  readonly to: string | undefined
  /** Undefined: that of the kubeconfig or pod. */
  readonly namespace: string | undefined
  /** Where file mode reads Secrets from. */
  readonly secretsDir: string
  readonly withSecrets: boolean
  readonly overwrite: boolean
}

export function importCommand(io: Io): Command {
  return new Command('import')
    .description('Take resources over: from a cluster into files, or from files into manifests for kubectl.')
    .argument('[path...]', 'with --from files: files, directories of YAML files, or - for standard input')
    .addOption(flag('--from <where>', 'cluster or files').makeOptionMandatory())
    .addOption(flag('--to <dir>', 'write a file for each resource into this directory (default: standard output)'))
    .addOption(flag('--overwrite', 'replace files that are there and differ'))
    .addOption(flag('--namespace <ns>', 'the namespace in the cluster (default: that of the kubeconfig or pod)'))
    .addOption(flag('--secrets <dir>', 'where file mode reads Secrets from, as NAME/KEY files', './secrets'))
    .addOption(
      flag(
        '--with-secrets',
        'with --from cluster: write the Secrets that are referred to there, for their owner alone (0600)',
      ),
    )
    .addHelpText(
      'after',
      `
Nothing is written while anything is wrong, or while a file that differs is in the way. Values of Secrets are
never printed; without --with-secrets they are not even read.

Examples:
  nepenthes import --from cluster --namespace projects --to config --with-secrets
  nepenthes import --from cluster > config/all.yaml
  nepenthes import --from files config | kubectl apply -f -
  nepenthes import --from files config --to manifests`,
    )
    .action(async (paths: string[], _options: unknown, self: Command) => {
      settleEnvironment(self)
      const wish = readWish(paths, self)
      const { importResources } = await import('./import-resources.ts')
      io.finish(await importResources(wish, { io, stdin: () => process.stdin }))
    })
}

/** Throws a UsageError for what contradicts itself. */
function readWish(paths: readonly string[], command: Command): ImportWish {
  const { to, overwrite = false, withSecrets = false, secrets, namespace } = command.opts<Options>()
  const wish = {
    from: readOption(command, 'from', parseFrom),
    paths,
    to,
    namespace: namespace === undefined ? undefined : readOption(command, 'namespace', parseNamespace),
    secretsDir: secrets,
    withSecrets,
    overwrite,
  }
  const [contradiction] = contradictions(wish)
  if (contradiction !== undefined) throw new UsageError(contradiction)
  return wish
}

interface Options {
  readonly to?: string
  readonly overwrite?: boolean
  readonly withSecrets?: boolean
  readonly secrets: string
  readonly namespace?: string
}

function* contradictions({ from, paths, to, withSecrets, secretsDir, overwrite }: ImportWish): Generator<string> {
  if (from === 'files' && paths.length === 0) yield '--from files: name the files or directories to take over'
  if (from === 'cluster' && paths.length > 0) yield '--from cluster: takes no paths'
  if (from === 'files' && withSecrets)
    yield '--with-secrets: goes with --from cluster only; from files, the kubectl commands that make the Secrets are shown'
  if (withSecrets && to !== undefined && isInside(to, secretsDir))
    yield `--secrets "${secretsDir}": lies in --to "${to}", which is there to be committed; name another directory`
  if (overwrite && to === undefined && !withSecrets) yield '--overwrite: goes with --to or --with-secrets only'
}

function parseFrom(text: string): Result<ImportWish['from'], string> {
  return text === 'cluster' || text === 'files' ? ok(text) : fail('cluster or files')
}
