import Parser, { type MarkdownIt } from 'markdown-it'
import { paragraphs } from './html-text.ts'
import { budgetOf, countSteps, createBudget, isSpent, LEVELS } from './markdown-budget.ts'
import { shapeElements } from './markdown-shape.ts'

const PARAGRAPH = '<p class="op-uc-p">'

/**
 * Characters of a text that is rendered: those of the longest comment. Measured with 170 kinds of text that are hard to parse, on two busy
 * cores, the worst takes 3 ms at 1 KiB, 7 at 4, 13 at 16 and 43 at 64, all given up among them; 64 KiB of documents that people wrote
 * take 10. A description of 300 characters takes 10 to 60 us, by what is in it, and 10 without markup.
 */
const RENDERED_MAX = 65_536

/** Characters of HTML that any text may become, and how many times its length a longer one: escaped in paragraphs it is nine times at most. */
const HTML_ALWAYS = 65_536
const HTML_RATIO = 8

/**
 * HTML of a text in Markdown (CommonMark, with the tables, strikethrough, task lists and autolinks of GitHub, and every line break kept), safe
 * whatever it holds: HTML in it is text, and links lead to http, https, mailto and relative addresses only. What would take too long
 * is shown as paragraphs of text.
 */
export function markdownHtml(raw: string): string {
  if (raw.length > RENDERED_MAX || isPlain(raw)) return paragraphs(raw, PARAGRAPH)
  return renderMarkdown(raw) ?? paragraphs(raw, PARAGRAPH)
}

/** Of any of these the parser may make something: in the text, or where a line begins or ends. */
const MARKUP = /[\\`*_~[<&@\0\r\t]|:\/\/|www\.|^(?:[^\S\n]|[#>+\-=|:]|\d+[.)])|[^\S\n]$/im

/** Most texts are: nothing in them means anything but line breaks. */
function isPlain(raw: string): boolean {
  return !MARKUP.test(raw)
}

/** Undefined if it is too much. */
export function renderMarkdown(raw: string): string | undefined {
  const env = { budget: createBudget(raw) }
  const html = PARSER.render(raw, env).trimEnd()
  const most = Math.max(HTML_ALWAYS, raw.length * HTML_RATIO)
  return isSpent(budgetOf(env)) || html.length > most ? undefined : html
}

/** No address has a colon before its first slash but those with a scheme. */
const ADDRESS = /^(?:https?:|mailto:|[^:]*$|[^:/?#]*[/?#])/i

/** Set up once and never changed: what a text needs is in the environment of its call. */
const PARSER = createParser()

function createParser(): MarkdownIt {
  const md = new Parser({ html: false, linkify: true, maxNesting: LEVELS })
  md.validateLink = (url) => ADDRESS.test(url)
  linkAsGitHubDoes(md)
  countSteps(md)
  shapeElements(md)
  return md
}

/** Of addresses in the text only those that begin like one, and mail: `readme.md` is no host of Moldova. */
function linkAsGitHubDoes({ linkify }: MarkdownIt): void {
  linkify.set({ fuzzyLink: false }).add('//').add('ftp:')
  const { re } = linkify
  const rest = new RegExp(re.get_url_host_port().source + re.get_path().source, 'iy')
  linkify.add('www.', {
    validate: (text, at) => {
      rest.lastIndex = at
      return rest.exec(text)?.[0].length ?? 0
    },
    normalize: (match) => {
      match.url = `http://${match.url}`
    },
  })
  const test = linkify.test.bind(linkify)
  // Looking for what may stand before an address costs more than all the rest of a short text.
  linkify.test = (text) => /@|:\/\/|www\./i.test(text) && test(text)
}
