import { combinedSchema, editorSchema } from '../resources/editor-schema.ts'
import { KIND_NAMES, kindNamed } from '../resources/kinds.ts'

export interface SchemaOptions {
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
}

/** `nepenthes schema [KIND]`: the JSON Schema that editors check documents by; 2 if there is no such kind. */
export async function schemaCommand(kind: string | undefined, { stdout, stderr }: SchemaOptions): Promise<0 | 2> {
  const named = kind === undefined ? undefined : kindNamed(kind)
  if (kind !== undefined && named === undefined) {
    stderr(`nepenthes schema: there is no kind "${kind}", only ${KIND_NAMES.join(' and ')}\n`)
    return 2
  }
  stdout(`${JSON.stringify(named ? editorSchema(named) : combinedSchema(), null, 2)}\n`)
  return 0
}
