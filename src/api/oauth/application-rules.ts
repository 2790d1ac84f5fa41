import { isLoopbackHost } from '../../base/network.ts'

/** What an application is registered with. */
export interface ApplicationRequest {
  readonly name: string
  /** Where authorization codes may be sent; none: the application asks no user. */
  readonly redirectUris: readonly string[]
  /** It can keep no secret, as it runs in browsers or on its users' machines. */
  readonly public: boolean
  /** Login of the user it acts as by its own credentials. */
  readonly actsAs?: string | undefined
}

/** For applications that no browser can be sent to: the code is shown, to be copied. */
export const OUT_OF_BAND = 'urn:ietf:wg:oauth:2.0:oob'

const NAME_MAX = 255
/** So that an application stays a row that is kept in memory. */
const URIS_CHARS_MAX = 4_000

/** All that is wrong with it, for people. */
export function judgeApplication(request: ApplicationRequest): string[] {
  const { name, redirectUris, actsAs } = request
  const problems: string[] = []
  // Users decide by it: what cannot be seen must not tell two of them apart.
  if (name === '' || name !== name.trim() || name.length > NAME_MAX || /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(name))
    problems.push(`a name has 1 to ${NAME_MAX} printable characters, with no space around them`)
  if (redirectUris.length === 0 && actsAs === undefined)
    problems.push('give a redirect URI for users to allow it something, or a user it acts as, or both')
  if (request.public && actsAs !== undefined)
    problems.push('a public application has no credentials of its own, so it cannot act as a user by them')
  for (const uri of redirectUris) {
    const problem = judgeRedirectUri(uri)
    if (problem) problems.push(`the redirect URI "${uri}" ${problem}`)
  }
  if (new Set(redirectUris).size < redirectUris.length) problems.push('a redirect URI is given twice')
  if (redirectUris.join('\n').length > URIS_CHARS_MAX)
    problems.push(`the redirect URIs have more than ${URIS_CHARS_MAX} characters together`)
  return problems
}

/**
 * Whether codes may be sent there: to the letter, but for the port of this machine's own addresses, which a program learns from the system
 * as it begins to listen (RFC 8252 §7.3). `localhost` may be looked up, so it is no such address (§8.3).
 */
export function isRegistered(redirectUris: readonly string[], asked: string): boolean {
  if (redirectUris.includes(asked)) return true
  const place = withoutPort(asked)
  return place !== undefined && redirectUris.some((uri) => withoutPort(uri) === place)
}

const LOOPBACK = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]))(?::\d{1,5})?((?:[/?].*)?)$/

function withoutPort(uri: string): string | undefined {
  const [, host, rest] = (URL.canParse(uri) && LOOPBACK.exec(uri)) || []
  return host === undefined || rest === undefined ? undefined : host + rest
}

/** As the original: https, or where nobody else can listen. What comes in a request later is held against it. */
function judgeRedirectUri(text: string): string | undefined {
  if (text === OUT_OF_BAND) return undefined
  const url = URL.parse(text)
  if (!url || !/^https?:\/\/[\x21-\x7e]+$/.test(text))
    return `is no web address: write https://HOST/PATH, percent-encoded, or ${OUT_OF_BAND}`
  if (text.includes('#')) return 'must not have a fragment (#): it would not reach the application'
  if (url.username !== '' || url.password !== '') return 'must not have credentials in it'
  // It is also written into the page's policy, where some of the characters a host may have would mean something.
  if (!/^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])$/.test(url.hostname)) return 'has a host that is no name or address'
  if (!text.startsWith(url.origin) || text.includes('\\'))
    return `is not written as browsers write it: write ${url.href}`
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname))
    return 'must be https: with http anybody on the way could take the code (only 127.0.0.1, [::1] and localhost may have it)'
  return undefined
}
