import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, openTestApi, PUBLIC_URL, type TestApi } from '../api/support.ts'
import { launchBrowser } from '../support/browser.ts'

const on = { api: { docs: { enabled: true } } }

let api: TestApi
let origin: string
let chrome: Awaited<ReturnType<typeof launchBrowser>>
let page: Page
/** What the browser had to say against the page. */
const complaints: string[] = []
/** Every address the page asked for. */
const asked: string[] = []

beforeAll(async () => {
  api = await openTestApi(on)
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  origin = `http://127.0.0.1:${(api.app.server.address() as AddressInfo).port}`
  chrome = await launchBrowser()
  page = await chrome.browser.newPage()
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => asked.push(request.url()))
  await page.goto(`${origin}/api/docs`)
  await page.waitForSelector('.opblock')
})
afterAll(async () => {
  await chrome.close()
  await api.close()
})

const elsewhere = () => asked.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith('data:image/'))

/** Opens the operation, gives it its one parameter and executes it. */
async function tryOut(id: string, parameter: string): Promise<{ status: string; body: string }> {
  const block = page.locator('.opblock-get', { has: page.locator('[data-path="/api/v3/users/{id}"]') })
  if (!(await block.locator('.execute').isVisible())) await block.locator('.opblock-summary-control').click()
  await block.locator(`tr[data-param-name="${id}"] input`).fill(parameter)
  const answered = page.waitForResponse((response) => response.url().includes('/api/v3/users/'))
  await block.locator('.execute').click()
  await answered
  const answer = block.locator('.live-responses-table .response').first()
  await answer.waitFor()
  return {
    status: (await answer.locator('.response-col_status').innerText()).trim(),
    body: await answer.locator('.response-col_description').innerText(),
  }
}

describe('the docs page in a browser', () => {
  it('lists every operation of the document', async () => {
    const { paths } = (await api.call('GET', '/api/v3/spec.json')).json<{ paths: Record<string, object> }>()
    const operations = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const shown = await page.evaluate<string[]>(`[...document.querySelectorAll('.opblock-summary')].map((summary) =>
      summary.querySelector('.opblock-summary-method').textContent + ' ' +
      summary.querySelector('[data-path]').getAttribute('data-path'))`)
    expect(shown.toSorted()).toEqual(operations.toSorted())
    expect(await page.title()).toBe('Nepenthes API')
  })

  it('tries an operation out on the server it came from, without and with a token', async () => {
    expect(PUBLIC_URL).not.toBe(origin)
    expect((await tryOut('id', 'me')).status).toBe('401')
    await page.locator('.auth-wrapper .authorize').click()
    const bearer = page.locator('.auth-container', { hasText: 'bearer' })
    await bearer.locator('input').fill(ADMIN_TOKEN)
    await bearer.locator('button.authorize').click()
    await page.locator('.auth-btn-wrapper .btn-done').first().click()
    const { status, body } = await tryOut('id', 'me')
    expect(status).toBe('200')
    expect(body).toContain('"login": "admin"')
    complaints.splice(0, complaints.length, ...complaints.filter((text) => !text.includes('status of 401')))
  })

  it('asks nobody else for anything, and breaks none of its rules', () => {
    expect(asked.length).toBeGreaterThan(5)
    expect(elsewhere()).toEqual([])
    expect(complaints).toEqual([])
  })

  it('cannot be put into a frame', async () => {
    const outer = await chrome.browser.newPage()
    const blocked = outer.waitForEvent('console', (message) => message.text().includes('frame-ancestors'))
    await outer.goto(`${origin}/nope`)
    await outer.evaluate(`document.body.append(Object.assign(document.createElement('iframe'), { src: '/api/docs' }))`)
    await blocked
    await outer.close()
  })

  it('is gone with the next look once it is switched off, and back once it is on', async () => {
    api.configure({})
    expect((await page.goto(`${origin}/api/docs`))?.status()).toBe(404)
    api.configure(on)
    expect((await page.goto(`${origin}/api/docs/`))?.status()).toBe(200)
    await page.waitForSelector('.opblock')
  })
})
