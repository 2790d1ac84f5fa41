import { isRecord } from './finding.ts'
import { isSubdomain } from './metadata.ts'
import { celString, objectCheck, textCheck, type Rule, type Violation } from './rule.ts'

/** Host names and addresses as browsers write them; how a port or an IPv6 address is spelt is the URL parser's to judge. */
const ORIGIN = '^https?://([a-z0-9._-]+|\\[[0-9a-f:.]+\\])(:[1-9][0-9]{0,4})?$'
const DEFAULT_PORT = '^(http://.*:80|https://.*:443)$'
const ORIGIN_PATTERN = new RegExp(ORIGIN)

export const API_SETTINGS_RULES: readonly Rule[] = [
  {
    at: '',
    code: 'InvalidName',
    cel: "self.metadata.name == 'default'",
    editor: { properties: { metadata: { properties: { name: { const: 'default' } } } } },
    message: 'ApiSettings must be named default: there is one per environment',
    check: objectCheck(({ metadata }) => {
      const name = isRecord(metadata) ? metadata['name'] : undefined
      // What is no name at all is told as such, once.
      if (typeof name !== 'string' || !isSubdomain(name) || name === 'default') return undefined
      const message = `ApiSettings must be named default, found ${JSON.stringify(name.slice(0, 60))}`
      return { path: ['metadata', 'name'], message, hint: 'Write name: default.' }
    }),
  },
  {
    at: 'spec.cors.allowedOrigins[]',
    code: 'InvalidOrigin',
    cel: `self.matches(${celString(ORIGIN)}) && !self.matches(${celString(DEFAULT_PORT)})`,
    editor: { pattern: ORIGIN, not: { pattern: DEFAULT_PORT } },
    message:
      'must be an exact origin as browsers send it: http(s)://host[:port], lower case, punycode, no default port, no path',
    check: textCheck(judgeOrigin),
  },
]

function judgeOrigin(text: string): Violation | undefined {
  const canonical = canonicalOrigin(text)
  if (canonical === text) return undefined
  const shown = text.length > 100 ? 'This' : JSON.stringify(text)
  return {
    message: `${shown} is not an origin that a browser sends: they are compared as exact text, http(s)://host[:port]`,
    hint: canonical === undefined ? hintWithoutForm(text) : `Write ${canonical}`,
  }
}

/** The origin browsers would send for this URL, if there is one. */
function canonicalOrigin(text: string): string | undefined {
  const url = URL.parse(text)
  if (!url || url.username !== '' || url.password !== '') return undefined
  return ORIGIN_PATTERN.test(url.origin) ? url.origin : undefined
}

function hintWithoutForm(text: string): string {
  if (text.includes('*')) return 'Wildcards are not supported: list each origin.'
  if (!text.includes('://')) return 'Begin with https:// or http://.'
  return 'For example https://app.example.com.'
}
