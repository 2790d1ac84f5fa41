import type { MarkdownIt, RendererRule, StateCore, Token } from 'markdown-it'
import { budgetOf, isSpent, payForAttributes } from './markdown-budget.ts'
import { escapeHtml } from './html-text.ts'

/** The elements as the protocol's clients know them: their style sheets go by these classes. */

type Attribute = readonly [name: string, value: string]

const CLASSES: Readonly<Record<string, string>> = {
  p: 'op-uc-p',
  h1: 'op-uc-h1',
  h2: 'op-uc-h2',
  h3: 'op-uc-h3',
  h4: 'op-uc-h4',
  h5: 'op-uc-h5',
  h6: 'op-uc-h6',
  blockquote: 'op-uc-blockquote',
  ul: 'op-uc-list',
  ol: 'op-uc-list',
  li: 'op-uc-list--item',
  table: 'op-uc-table',
  thead: 'op-uc-table--head',
  tr: 'op-uc-table--row',
  th: 'op-uc-table--cell op-uc-table--cell_head',
  td: 'op-uc-table--cell',
  a: 'op-uc-link',
  img: 'op-uc-image',
}
const TASK_LIST = 'op-uc-list_task-list op-uc-list'

/** A link leads out of whatever shows it, and tells nothing of where it was. */
const OF_LINKS: readonly Attribute[] = [
  ['rel', 'noopener noreferrer nofollow'],
  ['target', '_top'],
]

export function shapeElements(md: MarkdownIt): void {
  md.core.ruler.push('shape', shape)
  Object.assign(md.renderer.rules, RULES)
}

function shape({ tokens }: StateCore): void {
  markTasks(tokens)
  for (const token of tokens) {
    dress(token)
    for (const child of token.children ?? []) dress(child)
  }
}

function dress(token: Token): void {
  if (token.type === 's_open' || token.type === 's_close') token.tag = 'del'
  const known = token.nesting === -1 ? undefined : CLASSES[token.tag]
  if (known === undefined) return
  if (token.tag === 'td' || token.tag === 'th') alignCell(token)
  if (token.tag === 'a') token.attrs?.push(...OF_LINKS.map(([name, value]): [string, string] => [name, value]))
  token.attrSet('class', token.meta?.['tasks'] === true ? TASK_LIST : known)
}

/** The library writes `style="text-align:right"`, which a policy of the page that shows it may forbid. */
function alignCell(token: Token): void {
  const [, align] = String(token.attrGet('style') ?? '').split(':')
  token.attrs = align === undefined ? null : [['align', align]]
}

const TASK = /^\[([ xX])\][ \t]/

/** Items of lists that begin with a box. */
function markTasks(tokens: readonly Token[]): void {
  const lists: Token[] = []
  tokens.forEach((token, i) => {
    if (token.tag === 'ul' || token.tag === 'ol') {
      if (token.nesting === 1) lists.push(token)
      else lists.pop()
    }
    if (token.type === 'inline' && tokens[i - 2]?.type === 'list_item_open' && putBox(token)) {
      const list = lists.at(-1)
      if (list) list.meta = { tasks: true }
    }
  })
}

/** What stands for a box is still text unless something else came of the brackets, a link for instance. */
function putBox({ children }: Token): boolean {
  const [text] = children ?? []
  const [, mark] = (text?.type === 'text' && TASK.exec(text.content)) || []
  if (!text || mark === undefined) return false
  text.content = text.content.slice('[ ]'.length)
  text.meta = { box: mark === ' ' ? 'open' : 'done' }
  return true
}

function box({ meta }: Token): string {
  if (!meta) return ''
  return `<input type="checkbox" class="op-uc-list--task-checkbox"${meta['box'] === 'done' ? ' checked' : ''} disabled>`
}

/** Names of languages as they are in use; whatever else stands there has no place in an attribute. */
const LANGUAGE = /^[\w+#.-]{1,40}/

const code: RendererRule = (tokens, i) => {
  const { content = '', info = '' } = tokens[i] ?? {}
  const [language] = LANGUAGE.exec(info) ?? []
  const lang = language === undefined ? '' : ` lang="${language}"`
  // A line break right behind the tag is not part of the text (HTML §13.2.6.4.7).
  return `<pre${lang} class="op-uc-code-block">${content.startsWith('\n') ? '\n' : ''}${escapeHtml(content)}</pre>\n`
}

/** An address that is referred to is written each time: see `payForAttributes`. */
function paid(write: RendererRule): RendererRule {
  return (tokens, i, options, env, renderer) => {
    const budget = budgetOf(env)
    payForAttributes(budget, tokens[i]?.attrs ?? [])
    return isSpent(budget) ? '' : write(tokens, i, options, env, renderer)
  }
}

const image: RendererRule = (tokens, i, options, env, renderer) => {
  const token = tokens[i]
  token?.attrSet('alt', renderer.renderInlineAsText(token.children ?? [], options, env))
  return renderer.renderToken(tokens, i, options)
}

const RULES: Readonly<Record<string, RendererRule>> = {
  text: (tokens, i) => (tokens[i] ? box(tokens[i]) + escapeHtml(tokens[i].content) : ''),
  softbreak: () => '<br>',
  hardbreak: () => '<br>',
  code_inline: (tokens, i) => `<code class="op-uc-code">${escapeHtml(tokens[i]?.content ?? '')}</code>`,
  code_block: code,
  fence: code,
  link_open: paid((tokens, i, options, _env, renderer) => renderer.renderToken(tokens, i, options)),
  image: paid(image),
  table_open: (tokens, i, options, _env, renderer) =>
    `<figure class="op-uc-figure"><div class="op-uc-figure--content">\n${renderer.renderToken(tokens, i, options)}`,
  table_close: () => '</table>\n</div></figure>\n',
}
