import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { LightMyRequestResponse } from 'fastify'
import { operationFor, type ApiDocument, type Operation } from './document.ts'
import type { FuzzRequest } from './requests.ts'

/** What no answer may show of the inside: stack traces, places of files, the database's own words. */
const INSIDE = /\n\s+at |node:internal|node_modules|\.[cm]?[jt]s:\d+|SQLITE|\bSELECT\b|file:\/\//

/** Says everything that is wrong with an answer, by the document's own word. */
export function faultFinder(document: ApiDocument, operations: readonly Operation[]) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
  const compiled = new Map<object, ValidateFunction>()
  const validator = (schema: object) => {
    const known = compiled.get(schema) ?? ajv.compile({ ...schema, components: document.components })
    compiled.set(schema, known)
    return known
  }
  return (request: FuzzRequest, response: LightMyRequestResponse): string[] => {
    const { statusCode, body } = response
    const faults: string[] = []
    if (statusCode >= 500) faults.push('it failed inside')
    if (INSIDE.test(body.replaceAll(request.payload ?? '\0', ''))) faults.push('it shows its inside')
    const operation = operationFor(operations, request.method, request.url)
    const documented = operation?.responses[String(statusCode)]
    if (!documented) return [...faults, `${operation?.path ?? 'nothing'} documents no ${statusCode}`]
    const type = String(response.headers['content-type'] ?? '').split(';')[0] ?? ''
    if (!documented.content) return body === '' ? faults : [...faults, 'a body where none is documented']
    const media = documented.content[type]
    if (!media) return [...faults, `a body of type '${type}'`]
    if (!type.endsWith('json')) return faults
    const validate = validator(media.schema)
    if (!validate(response.json())) faults.push(`the body is not as documented: ${ajv.errorsText(validate.errors)}`)
    return faults
  }
}
