import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestUser, openTestApi, PUBLIC_URL, type TestApi, type TestUser } from '../api/support.ts'
import { register, type TestApplication, type Tokens } from '../api/oauth/support.ts'
import { launchBrowser } from '../support/browser.ts'

/** An application in a browser, on an origin of its own, from the link to the first request: what the headers let a real one do. */

let api: TestApi
let base: string
let server: Server
let origin: string
let chrome: Awaited<ReturnType<typeof launchBrowser>>
let page: Page
let board: TestApplication
let jane: TestUser
/** What the browser had to say against the pages. */
const complaints: string[] = []
/** The Referer of each request to the application. */
const referers: (string | undefined)[] = []

const originOf = (listening: Server) => `http://127.0.0.1:${(listening.address() as AddressInfo).port}`
const form = (fields: Record<string, string>) => ({
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
})

/** Made by a script of the application's page. */
function ask(path: string, init: object): Promise<{ status: number; body: unknown }> {
  return page.evaluate<{ status: number; body: unknown }, { url: string; init: object }>(
    async ({ url, init }) => {
      const response = await fetch(url, init)
      return { status: response.status, body: await response.json() }
    },
    { url: `${base}${path}`, init },
  )
}

/** The application's own page makes up a verifier and sends its user off, as any application in a browser does. */
function sendOff(state: string): Promise<string> {
  const fields = { client_id: board.clientId, redirect_uri: `${origin}/callback`, state }
  const query = new URLSearchParams({ response_type: 'code', code_challenge_method: 'S256', ...fields })
  return page.evaluate<string>(`(async () => {
    const verifier = crypto.randomUUID() + crypto.randomUUID()
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
    const base64 = btoa(String.fromCharCode(...new Uint8Array(hash)))
    const challenge = base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
    location.href = ${JSON.stringify(`${base}/oauth/authorize?${query.toString()}&code_challenge=`)} + challenge
    return verifier
  })()`)
}

beforeAll(async () => {
  api = await openTestApi()
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  base = originOf(api.app.server)
  server = createServer((request, response) => {
    referers.push(request.headers.referer)
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>app</title>')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = originOf(server)
  api.configure({ api: { cors: { enabled: true, allowedOrigins: [origin] } } })
  jane = await createTestUser(api, 'jane')
  board = await register(api, 'Board', { public: true, redirectUris: [`${origin}/callback`] })
  chrome = await launchBrowser()
  page = await chrome.browser.newPage()
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
})
afterAll(async () => {
  await chrome.close()
  server.close()
  await api.close()
})

describe('an application in a browser', () => {
  it('is let in by its user, and reads the API', async () => {
    await page.goto(origin)
    const verifier = await sendOff('xyz')
    await page.getByRole('heading', { name: 'Authorise Board?' }).waitFor()
    // Where the keyboard is from the start; a wrong token is told and asked for again.
    await page.keyboard.type('opapi-wrong')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').waitFor()
    expect(complaints.filter((text) => !text.includes('403'))).toEqual([])
    await page.getByLabel('Your API token').fill(jane.token)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${origin}/callback?**`)
    const answer = new URL(page.url()).searchParams
    expect([answer.get('state'), answer.get('iss')]).toEqual(['xyz', PUBLIC_URL])
    const code = answer.get('code') ?? ''
    expect(referers).toEqual([undefined, undefined])

    const fields = { client_id: board.clientId, redirect_uri: `${origin}/callback`, code, code_verifier: verifier }
    const exchanged = await ask('/oauth/token', form({ grant_type: 'authorization_code', ...fields }))
    expect(exchanged).toMatchObject({ status: 200, body: { token_type: 'Bearer', expires_in: 7200 } })
    const authorization = `Bearer ${(exchanged.body as Tokens).access_token}`
    const me = await ask('/api/v3/users/me', { headers: { authorization } })
    expect(me).toMatchObject({ status: 200, body: { login: 'jane' } })

    const again = await ask('/oauth/token', form({ grant_type: 'authorization_code', ...fields }))
    expect(again).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect((await ask('/api/v3/users/me', { headers: { authorization } })).status).toBe(401)
  })

  it('is told when its user says no, for which no token is needed', async () => {
    await page.goto(origin)
    await sendOff('abc')
    await page.getByRole('button', { name: 'Deny' }).click()
    await page.waitForURL(`${origin}/callback?**`)
    expect(new URL(page.url()).searchParams.get('error')).toBe('access_denied')
  })

  it('shows the form in the style it came with, and in nobody else’s frame', async () => {
    await page.goto(origin)
    complaints.length = 0
    await sendOff('')
    await page.getByRole('heading', { name: 'Authorise Board?' }).waitFor()
    expect(await page.evaluate<string>('getComputedStyle(document.body).maxWidth')).toBe('544px')
    expect(complaints).toEqual([])
    const link = page.url()
    await page.goto(origin)
    await page.evaluate(`new Promise((resolve) => {
      const frame = document.createElement('iframe')
      frame.src = ${JSON.stringify(link)}
      frame.addEventListener('load', resolve)
      document.body.append(frame)
    }).then(() => undefined)`)
    expect(complaints.join()).toMatch(/frame-ancestors/)
    expect(await page.frames()[1]?.getByRole('button').count()).toBe(0)
  })
})
