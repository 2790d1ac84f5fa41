import fc from 'fast-check'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { markdownHtml, renderMarkdown } from '../../src/api/v3/representers/markdown-html.ts'
import { ATTACKS, HTML_BITS, MARKDOWN_BITS } from '../api/markdown-bits.ts'
import { launchBrowser } from '../support/browser.ts'
import { tries } from '../support/effort.ts'

/** What a browser makes of rendered Markdown: nothing but these elements and attributes, whatever the text was. */

const CLASS = /^op-uc-[a-z0-9_-]+( op-uc-[a-z0-9_-]+)?$/
const URL_ATTRIBUTE = /^(https?|mailto):/
const CELL = { align: /^(left|center|right)$/, class: CLASS }
const ALLOWED: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  a: { href: URL_ATTRIBUTE, title: /^/, rel: /^noopener noreferrer nofollow$/, target: /^_top$/, class: CLASS },
  img: { src: URL_ATTRIBUTE, alt: /^/, title: /^/, class: CLASS },
  input: { type: /^checkbox$/, class: CLASS, checked: /^$/, disabled: /^$/ },
  ol: { start: /^\d{1,9}$/, class: CLASS },
  pre: { lang: /^[\w+#.-]{1,40}$/, class: CLASS },
  th: CELL,
  td: CELL,
  ...Object.fromEntries(['br', 'em', 'strong', 'del', 'hr', 'tbody'].map((name) => [name, {}])),
  ...Object.fromEntries(
    [
      'p',
      'h1',
      'h2',
      'h3',
      'h4',
      'h5',
      'h6',
      'ul',
      'li',
      'blockquote',
      'code',
      'figure',
      'div',
      'table',
      'thead',
      'tr',
    ].map((name) => [name, { class: CLASS }]),
  ),
}

/** One attribute as the browser read it, or an element without any; addresses are resolved, as if they were followed. */
interface Found {
  readonly element: string
  readonly attribute?: string
  readonly value?: string
}

let chrome: Awaited<ReturnType<typeof launchBrowser>>
let page: Page
let dialogs: string[]

beforeAll(async () => {
  chrome = await launchBrowser()
  page = await chrome.browser.newPage()
  dialogs = []
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message())
    void dialog.dismiss()
  })
})

afterAll(() => chrome.close())

/** Everything the browser finds in documents that hold nothing but the given HTML. */
function parse(htmls: readonly string[]): Promise<Found[][]> {
  return page.evaluate((htmls) => {
    // Types of the browser are not among those of the project.
    interface Element {
      readonly localName: string
      readonly attributes: Iterable<{ readonly name: string; readonly value: string }>
    }
    interface Parser {
      parseFromString(html: string, type: string): { querySelectorAll(selector: string): Iterable<Element> }
    }
    const parser = new (globalThis as unknown as { DOMParser: new () => Parser }).DOMParser()
    const base = 'https://base.example/a/b'
    // What is no address at all leads nowhere.
    const followed = (value: string) =>
      URL.canParse(value, base) ? new URL(value, base).href : 'https://nowhere.example'
    const resolved = (name: string, value: string) => (name === 'href' || name === 'src' ? followed(value) : value)
    return htmls.map((html) =>
      [...parser.parseFromString(html, 'text/html').querySelectorAll('head > *, body *')].flatMap((element) => [
        { element: element.localName },
        ...[...element.attributes].map(({ name, value }) => {
          return { element: element.localName, attribute: name, value: resolved(name, value) }
        }),
      ]),
    )
  }, htmls)
}

function isAllowed({ element, attribute, value = '' }: Found): boolean {
  const attributes = ALLOWED[element]
  return attributes !== undefined && (attribute === undefined || (attributes[attribute]?.test(value) ?? false))
}

/** What is not allowed of each text, with the text. */
async function wrong(texts: readonly string[]): Promise<unknown[]> {
  const found = await parse(texts.map(markdownHtml))
  return texts.flatMap((text, i) => {
    const bad = (found[i] ?? []).filter((one) => !isAllowed(one))
    return bad.length > 0 ? [{ text, html: markdownHtml(text), bad }] : []
  })
}

describe('a browser finds nothing in rendered Markdown', () => {
  it('that would have been found, had it been there', async () => {
    const htmls = [
      '<b>',
      '<p onclick="x">',
      '<a href="java&#9;script:x">',
      '<img src="data:x">',
      '<p class="x">',
      '<script>',
    ]
    const found = await parse(htmls)
    expect(found.map((one) => one.every(isAllowed))).toEqual(htmls.map(() => false))
  })

  it('of known attacks', async () => expect(await wrong(ATTACKS)).toEqual([]))

  it('of random texts', async () => {
    const bits = fc.constantFrom(...MARKDOWN_BITS, ...HTML_BITS, ...ATTACKS)
    const text = fc
      .array(fc.oneof({ weight: 9, arbitrary: bits }, fc.string({ maxLength: 3, unit: 'binary' })), { maxLength: 25 })
      .map((parts) => parts.join('').toWellFormed())
    let rendered = 0
    const check = async (texts: string[]) => {
      rendered += texts.filter((text) => /<(a|img|em|li|td|pre)\b/.test(renderMarkdown(text) ?? '')).length
      expect(await wrong(texts)).toEqual([])
    }
    await fc.assert(fc.asyncProperty(fc.array(text, { minLength: 40, maxLength: 60 }), check), {
      numRuns: tries(15, 3_000),
    })
    expect(rendered).toBeGreaterThan(100)
  })

  it('that runs, shown in a page', async () => {
    await page.route('**', (route) => route.abort())
    await show(ATTACKS.map(markdownHtml).join('\n'))
    expect(dialogs).toEqual([])
    await show('<img src="x" onerror="alert(1)">')
    expect(dialogs).toEqual(['1'])
  })
})

/** Shows it in the page, and waits for all its images to have come or failed. */
async function show(html: string): Promise<void> {
  await page.evaluate(async (html) => {
    interface Image {
      readonly complete: boolean
      addEventListener(event: string, listener: () => void): void
    }
    interface Document {
      readonly body: { innerHTML: string }
      readonly images: Iterable<Image>
    }
    const { document } = globalThis as unknown as { document: Document }
    document.body.innerHTML = html
    const waiting = [...document.images].filter(({ complete }) => !complete)
    const settled = (image: Image) =>
      new Promise<void>((resolve) => {
        for (const event of ['load', 'error']) image.addEventListener(event, resolve)
      })
    await Promise.all(waiting.map(settled))
  }, html)
}
