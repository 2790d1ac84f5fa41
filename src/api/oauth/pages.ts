import type { FastifyReply } from 'fastify'
import { hash } from 'node:crypto'
import { escapeHtml } from '../v3/representers/html-text.ts'

/** The pages people see: plain HTML without script, readable without the style. Everything shown is escaped. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** Template of HTML: what is put in is text unless it is HTML already. */
export function html(strings: TemplateStringsArray, ...values: readonly (string | Html | readonly Html[])[]): Html {
  const written = values.map((value) => {
    if (value instanceof Html) return value.text
    if (typeof value !== 'string') return value.map(({ text }) => text).join('')
    return escapeHtml(value)
  })
  return new Html(String.raw({ raw: strings }, ...written))
}

const STYLE = `
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 34rem; padding: 2rem 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; }
code { overflow-wrap: anywhere; }
label { display: block; font-weight: 600; }
input { box-sizing: border-box; font: inherit; padding: .5rem; width: 100%; }
button { font: inherit; margin: 1rem .5rem 0 0; padding: .5rem 1rem; }
.problem { border: 2px solid #c92a2a; border-radius: .25rem; padding: .5rem .75rem; }
`

const STYLE_HASH = hash('sha256', STYLE, 'base64')
/** To the letter what was hashed. */
const STYLED = new Html(`<style>${STYLE}</style>`)

export interface Page {
  readonly title: string
  readonly body: Html
  /** Where its form may lead, redirects after it included; none: it has no form. */
  readonly formTargets?: readonly string[]
}

export function sendPage(reply: FastifyReply, status: number, { title, body, formTargets }: Page): FastifyReply {
  const text = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        ${STYLED}
      </head>
      <body>
        <main>
          <h1>${title}</h1>
          ${body}
        </main>
      </body>
    </html> `
  return reply
    .code(status)
    .headers({ ...HEADERS, 'content-security-policy': policy(formTargets ?? ["'none'"]) })
    .send(text.text)
}

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  pragma: 'no-cache',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  // For browsers that do not know of `frame-ancestors`.
  'x-frame-options': 'DENY',
}

/** Nothing from anywhere, not even from this server, but the style in the page itself; in nobody's frame. */
function policy(formTargets: readonly string[]): string {
  return [
    "default-src 'none'",
    `style-src 'sha256-${STYLE_HASH}'`,
    `form-action ${formTargets.join(' ')}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** Browsers hold `form-action` against the redirect after a form too. It has no way to write an IPv6 address, so there the scheme must do. */
export function formTargetsFor(redirectUri: string): string[] {
  const url = URL.parse(redirectUri)
  if (!url || url.origin === 'null') return ["'self'"]
  return ["'self'", url.hostname.startsWith('[') ? url.protocol : url.origin]
}

/** Something to be read, with nothing to do. */
export function messagePage(title: string, ...paragraphs: readonly string[]): Page {
  return { title, body: html`${paragraphs.map((paragraph) => html`<p>${paragraph}</p>`)}` }
}
