import { Command } from 'commander'

import { flag, settleEnvironment } from '../config.ts'
import type { Io } from './io.ts'

/** `nepenthes validate` and `nepenthes schema`: what needs no operator. Their modules are loaded only when asked for. */
export function validateSubcommand(io: Io): Command {
  return new Command('validate')
    .description('Check files and directories of resources without applying anything.')
    .argument('<path...>', 'files, directories of YAML files, or - for standard input')
    .addOption(flag('-o, --output <format>', 'text, json or github (annotations in GitHub Actions)', 'text'))
    .addHelpText(
      'after',
      `
Exit codes: 0 all valid, 1 problems, 2 wrong usage.

Examples:
  nepenthes validate config/
  nepenthes validate --output json config/webhooks.yaml
  helm template ./chart | nepenthes validate -`,
    )
    .action(async (paths: string[], _options: unknown, command: Command) => {
      settleEnvironment(command)
      const { validateCommand } = await import('./validate.ts')
      const output = String(command.getOptionValue('output'))
      io.finish(await validateCommand(paths, { output, stdout: io.out, stderr: io.err, stdin: () => process.stdin }))
    })
}

export function schemaSubcommand(io: Io): Command {
  return new Command('schema')
    .description('Print the JSON Schema of one kind, or of all, for editors.')
    .argument('[kind]', 'ApiSettings or Webhook')
    .addHelpText(
      'after',
      `
Examples:
  nepenthes schema > nepenthes.schema.json
  nepenthes schema webhook > webhook.schema.json`,
    )
    .action(async (kind: string | undefined) => {
      const { schemaCommand } = await import('./schema.ts')
      io.finish(await schemaCommand(kind, { stdout: io.out, stderr: io.err }))
    })
}

/** Beside `schema`, because without `--apply` it needs nothing either. */
export function definitionsSubcommand(io: Io): Command {
  return new Command('definitions')
    .description('Print the CustomResourceDefinitions of this version, or apply them to a cluster.')
    .addOption(flag('--apply', 'apply them, server-side, to the cluster of the kubeconfig or of the pod'))
    .addHelpText(
      'after',
      `
Examples:
  nepenthes definitions | kubectl apply --server-side -f -
  nepenthes definitions --apply`,
    )
    .action(async (_options: unknown, command: Command) => {
      settleEnvironment(command)
      const { applyDefinitionsToCluster, printDefinitions } = await import('./definitions.ts')
      if (command.getOptionValue('apply') === true) await applyDefinitionsToCluster(io.out)
      else printDefinitions(io.out)
    })
}
