import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { webhookYaml } from '../reconcile/environment.ts'
import { nepenthes } from '../support/cli.ts'
import { createPlace, startProgram, type Place, type Program } from '../support/program.ts'
import { createReceiver, type Receiver } from '../support/receiver.ts'

const SECRET = 'a plain text secret, long enough'
const SIGNED = 'signature: {secretKeyRef: {name: hook, key: secret}}'

let place: Place
let receiver: Receiver
let program: Program

const ping = (...args: string[]) => nepenthes(['ping', ...args], { NEPENTHES_SERVER: program.admin })

beforeAll(async () => {
  place = createPlace()
  receiver = await createReceiver()
  place.secret('hook', 'secret', `${SECRET}\n`)
  const url = `url: ${receiver.url}`
  place.write('hook.yaml', webhookYaml('hook', url, SIGNED))
  place.write('disabled.yaml', webhookYaml('disabled', url, SIGNED, 'enabled: false'))
  place.write('held.yaml', webhookYaml('held', url, 'signature: {secretKeyRef: {name: none, key: secret}}'))
  place.write('inside.yaml', webhookYaml('inside', 'url: http://10.0.0.1/hooks'))
  place.write('closed.yaml', webhookYaml('closed', 'url: http://127.0.0.1:1/hooks'))
  place.write('nowhere.yaml', webhookYaml('nowhere', 'url: http://receiver.invalid/hooks'))
  place.write('plain.yaml', webhookYaml('plain', `url: https://127.0.0.1:${receiver.port}/hooks`))
  place.write('wrong.yaml', webhookYaml('wrong', url, 'events: []'))
  program = await startProgram(place)
  await program.until('Webhook/hook', 'Ready', 'True')
  await program.until('Webhook/wrong', 'Accepted', 'False')
})
afterAll(async () => {
  await program.kill('SIGKILL')
  await receiver.close()
  place.dispose()
})

afterEach(() => void (receiver.answer = 204))

describe('nepenthes ping', () => {
  it('sends one request that the receiver can verify, and says that it was taken', async () => {
    const { code, stdout, stderr } = await ping('webhook/hook')
    const [request] = await receiver.received(1)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^webhook\/hook accepted the ping with status 204, after \d+ ms\n/)
    expect(stdout).toContain(`  id: ${String(request?.headers['webhook-id'])}\n`)
    const headers = request?.headers as Record<string, string>
    expect(new Webhook(SECRET, { format: 'raw' }).verify(String(request?.body), headers)).toMatchObject({
      action: 'ping',
      webhook: { name: 'hook' },
    })
  })

  it('says what a receiver that refuses answered, for people and for programs', async () => {
    receiver.answer = { status: 500, body: `no ${SECRET} \u001b[2J` }
    const told = await ping('nwh/hook')
    expect(told.code).toBe(1)
    expect(told.stdout).toMatch(/^webhook\/hook refused the ping: HTTP 500 Internal Server Error, after \d+ ms\n/)
    expect(told.stdout).toContain('answer: no [secret] \ufffd[2J\n')
    const { code, stdout } = await ping('webhook/hook', '--output', 'json')
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      webhook: 'hook',
      endpoint: `http://127.0.0.1:${receiver.port}`,
      generation: 1,
      signed: true,
      outcome: 'http',
      statusCode: 500,
      responseBody: 'no [secret] \u001b[2J',
      notes: [],
    })
  })

  it.each([
    ['closed', 'got no answer: the connection was refused (connect)'],
    ['nowhere', '(dns)'],
    ['plain', 'the receiver may not speak TLS on this port (tls)'],
    ['inside', '10.0.0.1 is a private address; --allow-address permits it (address-blocked)'],
  ])('says why %s was not reached', async (name, why) => {
    const { code, stdout } = await ping(`webhook/${name}`)
    expect(code).toBe(1)
    expect(stdout).toContain(why)
  })

  it('gives up in the time it was given', async () => {
    receiver.answer = 'hang'
    const { code, stdout } = await ping('webhook/hook', '--timeout', '50ms')
    expect(code).toBe(1)
    expect(stdout).toContain('no complete answer within 0.05 s (waiting for the response) (timeout)')
  })

  it('pings a webhook that is switched off, and says that it is', async () => {
    const { code, stdout, stderr } = await ping('webhook/disabled')
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('note: Delivering is Unknown (Disabled): The webhook is disabled.\n')
  })

  it.each([
    ['held', 1, 'nepenthes: Webhook/held cannot be pinged: '],
    ['wrong', 1, 'nepenthes: Webhook/wrong cannot be pinged: no spec of it was accepted'],
    ['none', 1, 'nepenthes: there is no Webhook/none\n'],
  ])('sends nothing to %s', async (name, exit, message) => {
    const before = receiver.requests.length
    const { code, stdout, stderr } = await ping(`webhook/${name}`)
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' })
    expect(stderr.startsWith(message), stderr).toBe(true)
    expect(receiver.requests).toHaveLength(before)
  })

  it.each([
    [['apisettings/default'], 'expected webhook/NAME'],
    [['webhook'], 'expected webhook/NAME'],
    [['webhook/..'], 'expected KIND/NAME'],
    [['webhook/hook', '--timeout', '0'], '--timeout "0": expected a duration of 1ms or more'],
    [['webhook/hook', '--timeout', 'soon'], '--timeout "soon": expected a duration'],
    [['webhook/hook', '--output', 'xml'], '--output "xml": expected table, json or yaml'],
  ])('%j is wrong usage', async (args, message) => {
    const { code, stderr } = await ping(...args)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
  })

  it('leaves no trace in the delivery log or in the health of the webhook', async () => {
    const hook = await program.resource('Webhook/hook')
    expect(hook?.status.conditions.find(({ type }) => type === 'Delivering')?.reason).toBe('NoDeliveries')
    const { stdout } = await nepenthes(['deliveries', 'list'], { NEPENTHES_SERVER: program.admin })
    expect(stdout).toBe('No deliveries.\n')
    expect(program.log.filter((line) => line.includes('"pinged"')).length).toBeGreaterThan(0)
    expect(program.log.join('\n')).not.toContain(SECRET)
  })
})
