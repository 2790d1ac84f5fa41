import { stringify } from 'yaml'

import { fail, ok, type Result } from '../base/result.ts'
import { flag } from '../config.ts'
import type { Io } from './io.ts'

export type Output = 'table' | 'json' | 'yaml'

/** For commands whose answer is for people unless it is asked for otherwise. */
export const outputFlag = () => flag('-o, --output <format>', 'table, json or yaml', 'table')

export function parseOutput(text: string): Result<Output, string> {
  const output = (['table', 'json', 'yaml'] as const).find((candidate) => candidate === text)
  return output ? ok(output) : fail('table, json or yaml')
}

/** Prints an answer the way it was asked for; `table` makes the form for people. */
export function print(io: Io, output: Output, answer: unknown, table: () => string): void {
  if (output === 'json') io.out(`${JSON.stringify(answer, null, 2)}\n`)
  else if (output === 'yaml') io.out(stringify(answer, { aliasDuplicateObjects: false, compat: 'yaml-1.1' }))
  else io.out(table())
}
