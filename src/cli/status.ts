import { Command } from 'commander'

import { UserError } from '../base/errors.ts'
import { clientFlags, flag, readClientConfig, readOption, settleEnvironment } from '../config.ts'
import { problemText, type Problem } from '../resources/problem.ts'
import type { Condition, ConditionType, ResourceWithStatus } from '../status/status.ts'
import { askForList } from './client.ts'
import type { Io } from './io.ts'
import { parseOutput, print } from './output.ts'
import { printable, table } from './table.ts'
import { parseTarget, type Target, targetText } from './target.ts'

/** A Kubernetes List, with the problems of files that yield no resource beside the items. */
interface ResourceList {
  readonly apiVersion: 'v1'
  readonly kind: 'List'
  readonly items: readonly ResourceWithStatus[]
  readonly problems: readonly Problem[]
}

export function statusCommand(io: Io): Command {
  const command = new Command('status')
    .description('Show the resources of the environment and how they are doing.')
    .argument('[kind[/name]]', 'only this kind, or this one resource: webhook, webhooks, nwh, apisettings')
    .addOption(flag('-o, --output <format>', 'table, json (a Kubernetes List of whole resources) or yaml', 'table'))
  for (const option of clientFlags()) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Examples:
  nepenthes status
  nepenthes status webhook/billing --output yaml
  nepenthes status webhooks --output json`,
    )
    .action(async (what: string | undefined, _options: unknown, self: Command) => {
      settleEnvironment(self)
      const output = readOption(self, 'output', parseOutput)
      const target = what === undefined ? undefined : parseTarget(what)
      const all = await askForList<ResourceWithStatus, ResourceList>(readClientConfig(self), '/v1/resources')
      const list = { ...all, items: all.items.filter((item) => matches(item, target)) }
      print(io, output, list, () => statusTable(list))
      if (target?.name !== undefined && list.items.length === 0) throw notThere(target.kind, target.name)
    })
}

function matches(item: ResourceWithStatus, target: Target | undefined): boolean {
  if (!target) return true
  return item.kind === target.kind && (target.name === undefined || item.metadata.name === target.name)
}

function notThere(kind: string, name: string): UserError {
  return new UserError(`there is no ${targetText({ kind, name })}\nSee nepenthes status for what there is.`)
}

function statusTable({ items, problems }: ResourceList): string {
  const header = ['KIND', 'NAME', 'READY', 'DELIVERING', 'REASON', 'ENDPOINT', 'GENERATION']
  const resources = items.length === 0 ? 'No resources.\n' : table(header, items.map(statusRow))
  return problems.length === 0 ? resources : `${resources}\nProblems:\n${problems.map(problemLine).join('')}`
}

function statusRow({ kind, metadata, status }: ResourceWithStatus): string[] {
  const ready = find(status.conditions, 'Ready')
  const delivering = find(status.conditions, 'Delivering')
  const telling = ready?.status === 'True' && delivering?.status === 'False' ? delivering : ready
  return [
    kind,
    metadata.name,
    ready?.status ?? '',
    delivering?.status ?? '',
    telling?.reason ?? '',
    status.endpoint ?? '',
    generationText(metadata.generation, status.programmedGeneration),
  ]
}

/** An older generation in force is the last good one: worth showing. */
function generationText(generation: number, programmed: number | undefined): string {
  if (programmed === undefined || programmed === generation) return String(generation)
  return `${generation} (${programmed} in force)`
}

function find(conditions: readonly Condition[], type: ConditionType): Condition | undefined {
  return conditions.find((condition) => condition.type === type)
}

function problemLine(problem: Problem): string {
  const { file, line, column, hint } = problem
  return `  ${file}:${line}:${column}: ${printable(problemText(problem))}${hint && ` (${printable(hint)})`}\n`
}
