import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { Command } from 'commander'
import { startApp } from '../../src/app.ts'
import { errorCode, toError } from '../../src/base/errors.ts'
import { readRunConfig, runFlags } from '../../src/config.ts'
import { startReceiver, type Received } from './receiver.ts'

/**
 * The main job in one process: the API and the dispatcher follow the YAML files beside this one, a small receiver verifies what
 * arrives and prints it. Takes the flags of `nepenthes run`; those given on the command line win over the example's.
 */
const HERE = import.meta.dirname
const RECEIVER_PORT = 9099
const DEFAULTS = [
  ...['--config', join(HERE, 'config')],
  ...['--secrets', join(HERE, 'secrets')],
  ...['--data', join('data', 'quickstart')],
  ...['--allow-address', '127.0.0.0/8'],
  ...['--log-level', 'warn'],
]

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function printReceived({ event, id, attempt, body }: Received): void {
  const subject = Object.entries(body).find(([key]) => key !== 'action' && key !== 'actor')
  // A ping is about the webhook, which has a name and no number.
  const { id: number, name } = (subject?.[1] ?? {}) as { id?: number; name?: string }
  print(`received  ${event}  ${subject?.[0]} ${number ?? name}  (${id}, attempt ${attempt}, signature verified)`)
}

/** A client of the API with the administrator's token. */
function apiClient(origin: string, token: string) {
  return async (
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; json: Record<string, unknown> }> => {
    const response = await fetch(`${origin}/api/v3${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, json: (await response.json()) as Record<string, unknown> }
  }
}

/** Creates the project and its first work package; on a second start both are there already. */
async function createDemo(call: ReturnType<typeof apiClient>): Promise<number> {
  const known = await call('GET', '/projects/demo/work_packages?pageSize=1&filters=[]')
  const elements = (known.json._embedded as { elements: { id: number }[] } | undefined)?.elements ?? []
  if (elements[0]) return elements[0].id
  if (known.status === 404) await call('POST', '/projects', { name: 'Demo', identifier: 'demo' })
  const created = await call('POST', '/projects/demo/work_packages', {
    subject: 'Try webhooks',
    _links: { type: { href: '/api/v3/types/1' } },
  })
  if (created.status !== 201) throw new Error(`the work package could not be created: ${JSON.stringify(created.json)}`)
  return created.json.id as number
}

function printNextSteps(origin: string, tokenFile: string, workPackage: number): void {
  const today = new Date().toISOString().slice(0, 10)
  const links = {
    entity: { href: `/api/v3/work_packages/${workPackage}` },
    activity: { href: '/api/v3/time_entries/activities/1' },
  }
  print(`
Log time, and a delivery appears below:

  curl -u "apikey:$(cat ${tokenFile})" -H 'content-type: application/json' ${origin}/api/v3/time_entries \\
    -d '${JSON.stringify({ hours: 'PT1H', spentOn: today, _links: links })}'

Then edit ${relative('.', join(HERE, 'config', 'webhook.yaml'))} (say, drop time_entry:created, or misspell it) and look:

  npx nepenthes status
  npx nepenthes status webhook/quickstart --output yaml
  npx nepenthes ping webhook/quickstart

The docs page: ${origin}/api/docs    Stop with Ctrl-C.
`)
}

async function main(): Promise<void> {
  const command = new Command('quickstart')
  for (const option of runFlags()) command.addOption(option)
  command.parse([...DEFAULTS, ...process.argv.slice(2)], { from: 'user' })
  const config = readRunConfig(command)

  const secret = (await readFile(join(HERE, 'secrets', 'quickstart', 'secret'), 'utf8')).trim()
  const receiver = await startReceiver(RECEIVER_PORT, secret, printReceived)
  const app = await startApp(config)
  const stop = () => {
    receiver.close()
    void app.stop()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)

  const tokenFile = join(config.dataDir, 'api-token')
  const token = config.apiToken?.reveal() ?? (await readFile(tokenFile, 'utf8')).trim()
  const workPackage = await createDemo(apiClient(app.apiOrigin, token))
  printNextSteps(app.apiOrigin, tokenFile, workPackage)
  await app.closed
}

try {
  await main()
} catch (thrown) {
  const error = toError(thrown)
  const taken = errorCode(error) === 'EADDRINUSE'
  const why = taken
    ? `port ${RECEIVER_PORT}, where the receiver listens, is taken: is the quickstart running already?`
    : error.message
  process.stderr.write(`quickstart: ${why}\n`)
  process.exit(1)
}
