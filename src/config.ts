import { readFileSync } from 'node:fs'

import { type Command, Option } from 'commander'

import { UserError } from './base/errors.ts'
import type { LogLevel } from './base/log.ts'
import { type ListenAddress, parseCidr, parseListenAddress, parseOrigin } from './base/network.ts'
import { fail, ok, type Result } from './base/result.ts'
import { SecretValue } from './base/secret.ts'

/** The program was called wrongly: exit code 2 instead of 1. */
export class UsageError extends UserError {}

export type Mode =
  | { readonly kind: 'directory'; readonly root: string }
  | { readonly kind: 'kubernetes'; readonly namespace: string | undefined }

/** What `nepenthes run` runs with. Paths are as the person gave them. */
export interface RunConfig {
  readonly mode: Mode
  readonly dataDir: string
  readonly secretsDir: string
  readonly listen: ListenAddress
  readonly adminListen: ListenAddress
  /** An origin, `http(s)://host[:port]`. */
  readonly publicUrl: string | undefined
  /** Networks of receivers that are allowed although private, as `address/bits`. */
  readonly allowAddresses: readonly string[]
  /** How much of the delivery log is kept; the size is that of the whole database. */
  readonly deliveryLog: { readonly maxAgeDays: number; readonly maxBytes: number }
  /** The first administrator's; undefined: one is generated into the data directory. */
  readonly apiToken: SecretValue | undefined
  /** What the admin listener wants off loopback; undefined: the one in the data directory. */
  readonly adminToken: SecretValue | undefined
  readonly logLevel: LogLevel
}

/** What a command that asks the admin listener runs with. */
export interface ClientConfig {
  /** An origin. */
  readonly server: string
  readonly adminToken: SecretValue | undefined
}

const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'silent']
const API_TOKEN = 'NEPENTHES_API_TOKEN'
const ADMIN_TOKEN = 'NEPENTHES_ADMIN_TOKEN'

export function programVersion(): string {
  const file = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(file) as { version: string }).version
}

/** An option that can also be given as the environment variable `NEPENTHES_<FLAG>`; on the command line it wins. */
export function flag(flags: string, description: string, defaultValue?: string): Option {
  const option = new Option(flags, description)
  if (defaultValue !== undefined) option.default(defaultValue, defaultValue)
  return option.env(`NEPENTHES_${option.name().replaceAll('-', '_').toUpperCase()}`)
}

/**
 * Corrects what commander makes of the environment: a variable that is set but empty counts as not set (compose files and charts
 * set such), and a switch follows what its variable says (`false` would else switch it on).
 */
export function settleEnvironment(command: Command): void {
  for (const option of command.options) {
    const key = option.attributeName()
    if (option.envVar === undefined || command.getOptionValueSource(key) !== 'env') continue
    const text = process.env[option.envVar] ?? ''
    if (text === '') command.setOptionValueWithSource(key, option.defaultValue, 'default')
    else if (option.isBoolean()) command.setOptionValueWithSource(key, parseSwitch(option.envVar, text), 'env')
  }
}

function parseSwitch(variable: string, text: string): boolean {
  const normal = text.toLowerCase()
  if (normal === 'true' || normal === '1') return true
  if (normal === 'false' || normal === '0') return false
  throw new UsageError(`${variable} "${text}": expected true or false`)
}

/** The flags of `nepenthes run`, in the order help shows them. */
export function runFlags(): Option[] {
  return [
    flag('--config <dir>', 'watch this directory of YAML files'),
    flag('--kubernetes', 'watch custom resources in a cluster'),
    flag('--namespace <ns>', 'with --kubernetes: the namespace to watch (default: that of the kubeconfig or pod)'),
    flag('--data <dir>', 'where the embedded database and generated tokens live', './data'),
    flag('--secrets <dir>', 'where Secrets are read from, as NAME/KEY files', './secrets'),
    flag('--listen <host:port>', 'where the API listens', '127.0.0.1:8080'),
    flag(
      '--admin-listen <host:port>',
      'where health, metrics and the other commands of this program are served',
      '127.0.0.1:8081',
    ),
    flag('--public-url <url>', 'the origin clients reach the API by; OAuth issuer and host of absolute links'),
    flag(
      '--allow-address <cidr...>',
      'allow receivers in this private network (repeatable; in the variable, separated by commas)',
    ),
    flag('--delivery-log-days <days>', 'how long deliveries that have ended stay in the delivery log', '30'),
    flag(
      '--delivery-log-size <size>',
      'while the database is larger, the oldest deliveries that have ended are dropped',
      '4GiB',
    ),
    flag('--log-level <level>', LOG_LEVELS.join(', '), 'info'),
  ]
}

/** Judges everything given to `run` at once; throws a UsageError that lists all that is wrong. */
export function readRunConfig(command: Command): RunConfig {
  const given = new Given(command)
  const config: RunConfig = {
    mode: readMode(given),
    dataDir: given.parse('data', parseDirectory, ''),
    secretsDir: given.parse('secrets', parseDirectory, ''),
    listen: given.parse('listen', parseListenAddress, { host: '', port: 0 }),
    adminListen: given.parse('adminListen', parseListenAddress, { host: '', port: 0 }),
    publicUrl: given.parse('publicUrl', parseOrigin, undefined),
    allowAddresses: given.parseEach('allowAddress', parseCidr),
    deliveryLog: {
      maxAgeDays: given.parse('deliveryLogDays', parseDays, 0),
      maxBytes: given.parse('deliveryLogSize', parseSize, 0),
    },
    apiToken: readToken(given, API_TOKEN),
    adminToken: readToken(given, ADMIN_TOKEN),
    logLevel: given.parse('logLevel', parseLogLevel, 'info'),
  }
  given.throwProblems()
  return config
}

/** The flags of every command that asks the admin listener. */
export function clientFlags(): Option[] {
  return [flag('--server <url>', 'the admin listener to ask', 'http://127.0.0.1:8081')]
}

export function readClientConfig(command: Command): ClientConfig {
  const given = new Given(command)
  const config = {
    server: given.parse('server', parseOrigin, ''),
    adminToken: readToken(given, ADMIN_TOKEN),
  }
  given.throwProblems()
  return config
}

/** One option with a default, or mandatory, parsed; throws a UsageError if it cannot be used. */
export function readOption<T>(command: Command, key: string, parser: (text: string) => Result<T, string>): T {
  const given = new Given(command)
  const value = given.parse<T | undefined>(key, parser, undefined)
  given.throwProblems()
  if (value === undefined) throw new UsageError(`--${key} is required`)
  return value
}

/** The options of one command and what turned out to be wrong with them. */
class Given {
  readonly #command: Command
  readonly problems: string[] = []

  constructor(command: Command) {
    this.#command = command
  }

  value(key: string): unknown {
    return this.#command.getOptionValue(key)
  }

  has(key: string): boolean {
    return this.value(key) !== undefined
  }

  /** The parsed value; `otherwise` when it was not given, or could not be used and became a problem. */
  parse<T>(key: string, parser: (text: string) => Result<T, string>, otherwise: T): T {
    const value = this.value(key)
    if (typeof value !== 'string') return otherwise
    const parsed = parser(value)
    if (parsed.ok) return parsed.value
    this.#refuse(key, value, parsed.error)
    return otherwise
  }

  parseEach<T>(key: string, parser: (text: string) => Result<T, string>): T[] {
    const values = (this.value(key) ?? []) as string[]
    const parsed: T[] = []
    for (const text of values.flatMap((value) => value.split(/[\s,]+/)).filter(Boolean)) {
      const result = parser(text)
      if (result.ok) parsed.push(result.value)
      else this.#refuse(key, text, result.error)
    }
    return parsed
  }

  #refuse(key: string, value: string, expected: string): void {
    const option = this.#command.options.find((candidate) => candidate.attributeName() === key)
    const fromEnvironment = this.#command.getOptionValueSource(key) === 'env'
    const where = fromEnvironment ? `, set by ${option?.envVar}` : ''
    this.problems.push(`${option?.long} "${value}"${where}: expected ${expected}`)
  }

  throwProblems(): void {
    if (this.problems.length === 0) return
    if (this.problems.length === 1) throw new UsageError(this.problems.join())
    throw new UsageError(`${this.problems.length} settings cannot be used:\n  ${this.problems.join('\n  ')}`)
  }
}

function readMode(given: Given): Mode {
  const root = given.parse('config', parseDirectory, undefined)
  const namespace = given.parse('namespace', parseNamespace, undefined)
  const directory = given.has('config')
  const kubernetes = given.value('kubernetes') === true
  if (kubernetes && directory) given.problems.push('--config and --kubernetes: give one of the two, not both')
  if (!kubernetes && !directory) {
    given.problems.push('give --config DIR to watch a directory of YAML files, or --kubernetes to watch a cluster')
  }
  if (!kubernetes && given.has('namespace')) given.problems.push('--namespace: goes with --kubernetes only')
  return kubernetes ? { kind: 'kubernetes', namespace } : { kind: 'directory', root: root ?? '' }
}

/** Tokens travel in HTTP headers: what could not be sent there is refused here, without showing it. */
function readToken(given: Given, variable: string): SecretValue | undefined {
  const text = process.env[variable]?.replace(/\r?\n$/, '')
  if (text === undefined || text === '') return undefined
  if (!/^[\x21-\x7e]+$/.test(text)) {
    given.problems.push(`${variable} (value not shown): expected printable ASCII characters without spaces`)
  }
  return new SecretValue(text)
}

function parseDirectory(text: string): Result<string, string> {
  return text === '' ? fail('the path of a directory') : ok(text)
}

export function parseNamespace(text: string): Result<string, string> {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) return ok(text)
  return fail('a namespace name: at most 63 lower-case letters, digits and dashes')
}

function parseDays(text: string): Result<number, string> {
  return /^[1-9]\d{0,3}$/.test(text) ? ok(Number(text)) : fail('whole days, from 1 to 9999')
}

const SIZE_UNITS: Record<string, number> = { MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }

function parseSize(text: string): Result<number, string> {
  const [, count, unit = ''] = /^([1-9]\d{0,5})(MiB|GiB|TiB)$/.exec(text) ?? []
  return count === undefined ? fail('a size such as 512MiB or 4GiB') : ok(Number(count) * (SIZE_UNITS[unit] ?? 0))
}

function parseLogLevel(text: string): Result<LogLevel, string> {
  const level = LOG_LEVELS.find((candidate) => candidate === text)
  return level ? ok(level) : fail(`one of ${LOG_LEVELS.join(', ')}`)
}
