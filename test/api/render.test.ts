import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addMember, ADMIN_TOKEN, createTestUser, openTestApi, type Json, type TestApi } from './support.ts'

let api: TestApi
let mia: string

beforeAll(async () => {
  api = await openTestApi()
  await api.create('/api/v3/projects', { name: 'Own' })
  await api.create('/api/v3/projects', { name: 'Secret' })
  for (const name of ['own', 'secret']) await api.create(`/api/v3/projects/${name}/work_packages`, { subject: name })
  const user = await createTestUser(api, 'mia')
  await addMember(api, 'own', user.id)
  mia = user.token
})
afterAll(() => api.close())

async function render(path: string, text: string | Buffer, type: string | undefined = 'text/plain') {
  const headers = { authorization: `Bearer ${mia}`, ...(type !== '' && { 'content-type': type }) }
  const answer = await api.app.inject({ method: 'POST', url: `/api/v3/render/${path}`, headers, payload: text })
  return { status: answer.statusCode, type: answer.headers['content-type'], body: answer.body }
}
const HTML = 'text/html; charset=utf-8'

describe('a text', () => {
  it('is shown as it would look, and nothing is stored', async () => {
    const text = '**Bold** <b>\n\n- one'
    const html =
      '<p class="op-uc-p"><strong>Bold</strong> &lt;b&gt;</p>\n<ul class="op-uc-list">\n<li class="op-uc-list--item">one</li>\n</ul>'
    expect(await render('markdown', text)).toEqual({ status: 200, type: HTML, body: html })
    expect(await render('plain', text)).toEqual({
      ...{ status: 200, type: HTML },
      body: '<p>**Bold** &lt;b&gt;</p>\n<p>- one</p>',
    })
    const shown = await api.create('/api/v3/projects/own/work_packages', { subject: 'S', description: { raw: text } })
    expect(shown['description']).toMatchObject({ html })
  })

  it.each(['text/plain; charset=utf-8', 'TEXT/PLAIN'])('comes as %s too', async (type) => {
    expect(await render('markdown', 'é', type)).toMatchObject({ status: 200, body: '<p class="op-uc-p">é</p>' })
  })

  it('may be nothing, or what looks like JSON', async () => {
    expect(await render('markdown', '')).toMatchObject({ status: 200, body: '' })
    expect(await render('plain', '{"a')).toMatchObject({ status: 200, body: '<p>{&quot;a</p>' })
  })

  it.each<[type: string, status: number]>([
    ['', 406],
    ['application/json', 415],
    ['text/html', 415],
    ['text/plainer', 415],
  ])('as %j is refused with %i', async (type, status) => {
    const answer = await render('markdown', 'x', type)
    expect(answer.status).toBe(status)
    if (status === 415) expect(answer.body).toContain("Expected CONTENT-TYPE to be 'text/plain'")
  })

  it('must be UTF-8, and of the length a body may have', async () => {
    expect(await render('markdown', Buffer.from([0x61, 0xff]))).toMatchObject({ status: 400 })
    expect(await render('markdown', 'x'.repeat(1_100_000))).toMatchObject({ status: 413 })
  })

  it('is rendered while no write could be, for whoever is known', async () => {
    api.configure({ complete: false })
    expect((await render('markdown', 'x')).status).toBe(200)
    api.configure({})
    const anonymous = await api.app.inject({ method: 'POST', url: '/api/v3/render/markdown', payload: 'x' })
    expect(anonymous.statusCode).toBe(401)
  })
})

describe('the context of a text', () => {
  it.each(['/api/v3/work_packages/1', '/api/v3/projects/own', 'https://x.example/api/v3/workspaces/1'])(
    'may be %s',
    async (href) => expect((await render(`markdown?context=${href}`, 'x')).status).toBe(200),
  )

  it.each([
    ...['', 'x', '/api/v3/users/1', '/api/v3/work_packages/99', '/api/v3/work_packages/1?x=1', '/api/v3/projects/nope'],
    ...['/api/v3/work_packages/2', '/api/v3/projects/secret', `/api/v3/${'x'.repeat(3_000)}/1`],
  ])('is not %s', async (href) => {
    const { status, body } = await render(`markdown?context=${encodeURIComponent(href)}`, 'x')
    expect([status, body]).toEqual([400, expect.stringContaining(':InvalidRenderContext"')])
  })

  it('is in the links that lead here, for who may write', async () => {
    const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
    const shown: Json = (await api.app.inject({ url: '/api/v3/work_packages/1', ...as(mia) })).json()
    const form = async (path: string, body: object): Promise<Json> =>
      (await api.call('POST', `/api/v3/${path}/form`, body, { token: ADMIN_TOKEN })).json()
    const project = { _links: { project: { href: '/api/v3/projects/2' } } }
    const forms = await Promise.all([
      form('work_packages/1', { lockVersion: 0 }),
      form('projects/own/work_packages', {}),
      form('work_packages', project),
    ])
    const links = [shown, ...forms].map(({ _links }) => _links['previewMarkup'])
    const leads = (path: string) => ({ href: `/api/v3/render/markdown?context=/api/v3/${path}`, method: 'post' })
    expect(links).toEqual(['work_packages/1', 'work_packages/1', 'projects/1', 'projects/2'].map(leads))
    for (const link of links) {
      const url = link?.href ?? ''
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'text/plain' }
      expect((await api.app.inject({ method: 'POST', url, headers, payload: 'x' })).statusCode).toBe(200)
    }
    expect((await form('work_packages', {}))._links).not.toHaveProperty('previewMarkup')
  })
})
