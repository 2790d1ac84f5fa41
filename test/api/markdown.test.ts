import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { paragraphs } from '../../src/api/v3/representers/html-text.ts'
import { markdownHtml, renderMarkdown } from '../../src/api/v3/representers/markdown-html.ts'
import { tries } from '../support/effort.ts'
import { HTML_BITS, MARKDOWN_BITS } from './markdown-bits.ts'

const p = (html: string) => `<p class="op-uc-p">${html}</p>`
const unrendered = (raw: string) => paragraphs(raw, '<p class="op-uc-p">')
const link = (href: string, text: string) =>
  `<a href="${href}" rel="noopener noreferrer nofollow" target="_top" class="op-uc-link">${text}</a>`
const list = (...items: string[]) =>
  `<ul class="op-uc-list">\n${items.map((item) => `<li class="op-uc-list--item">${item}</li>\n`).join('')}</ul>`

describe('Markdown becomes', () => {
  it.each<[string, string, string]>([
    ['nothing of nothing', '\n \n', ''],
    ['paragraphs and lines', 'a\nb\n\n c', `${p('a<br>b')}\n${p('c')}`],
    ['paragraphs, with the line breaks of a form', 'a\r\nb\r\n\r\nc*', `${p('a<br>b')}\n${p('c*')}`],
    [
      'emphasis',
      '*a* **b** ~~c~~ `d *e*`',
      p('<em>a</em> <strong>b</strong> <del>c</del> <code class="op-uc-code">d *e*</code>'),
    ],
    ['headings', '# a\n\n###### b', '<h1 class="op-uc-h1">a</h1>\n<h6 class="op-uc-h6">b</h6>'],
    ['a rule', 'a\n\n---', `${p('a')}\n<hr>`],
    ['a list', '- a\n- b', list('a', 'b')],
    ['a list in a list', '* a\n  * b', list(`a\n${list('b')}\n`)],
    [
      'a list that counts from elsewhere',
      '3. a',
      '<ol start="3" class="op-uc-list">\n<li class="op-uc-list--item">a</li>\n</ol>',
    ],
    ['a quotation', '> a\n> b', `<blockquote class="op-uc-blockquote">\n${p('a<br>b')}\n</blockquote>`],
    ['code', '    a <b>', '<pre class="op-uc-code-block">a &lt;b&gt;\n</pre>'],
    ['code of a language', '```c++ x="y"\n\na\n```', '<pre lang="c++" class="op-uc-code-block">\n\na\n</pre>'],
    ['a link', '[a *b*](https://c.d "e")', p(link('https://c.d" title="e', 'a <em>b</em>'))],
    ['a link by reference', '[a][b]\n\n[b]: /c', p(link('/c', 'a'))],
    ['an image', '![a *b*](c.png)', p('<img src="c.png" alt="a b" class="op-uc-image">')],
    [
      'links of addresses',
      'see https://a.b/c?d. <http://e>',
      p(`see ${link('https://a.b/c?d', 'https://a.b/c?d')}. ${link('http://e', 'http://e')}`),
    ],
    [
      'links of hosts and mail',
      'WWW.a.b, me@c.org',
      p(`${link('http://WWW.a.b', 'WWW.a.b')}, ${link('mailto:me@c.org', 'me@c.org')}`),
    ],
    ['no links of names, and of nothing else', 'readme.md //a.b ftp://c.d ://', p('readme.md //a.b ftp://c.d ://')],
    ['text of what only the original knows', '#12 ##12 @name [[page]] {{toc}}', p('#12 ##12 @name [[page]] {{toc}}')],
    ['text of HTML', '<b onclick="x">\'</b> &lt; &copy;', p('&lt;b onclick=&quot;x&quot;&gt;&#39;&lt;/b&gt; &lt; ©')],
    ['text of an address with another scheme', '[a](javascript:x) ![b](data:c)', p('[a](javascript:x) ![b](data:c)')],
  ])('%s', (_, raw, html) => expect(markdownHtml(raw)).toBe(html))

  it('a table', () => {
    const figure = (table: string) =>
      `<figure class="op-uc-figure"><div class="op-uc-figure--content">\n${table}\n</div></figure>`
    const head = '<thead class="op-uc-table--head">\n<tr class="op-uc-table--row">\n'
    expect(markdownHtml('|a|b|\n|-|:-:|\n|*c*|')).toBe(
      figure(
        `<table class="op-uc-table">\n${head}<th class="op-uc-table--cell op-uc-table--cell_head">a</th>\n` +
          '<th align="center" class="op-uc-table--cell op-uc-table--cell_head">b</th>\n</tr>\n</thead>\n<tbody>\n' +
          '<tr class="op-uc-table--row">\n<td class="op-uc-table--cell"><em>c</em></td>\n' +
          '<td align="center" class="op-uc-table--cell"></td>\n</tr>\n</tbody>\n</table>',
      ),
    )
  })

  it('a list of tasks, if there is a box', () => {
    const box = (more: string) => `<input type="checkbox" class="op-uc-list--task-checkbox"${more} disabled>`
    expect(markdownHtml('- [ ] a\n- [x] *b*\n  - [ ]\n- c')).toBe(
      '<ul class="op-uc-list_task-list op-uc-list">\n' +
        `<li class="op-uc-list--item">${box('')} a</li>\n` +
        `<li class="op-uc-list--item">${box(' checked')} <em>b</em>\n${list('[ ]')}\n</li>\n` +
        '<li class="op-uc-list--item">c</li>\n</ul>',
    )
    expect(markdownHtml('[x] a')).toBe(p('[x] a'))
    expect(markdownHtml('- [x] a\n\n[x]: /b')).toBe(list(`${link('/b', 'x')} a`))
  })
})

const bits = fc
  .array(fc.constantFrom(...MARKDOWN_BITS, ...HTML_BITS), { maxLength: 30 })
  .map((parts) => parts.join('').toWellFormed())
const prose = fc
  .array(fc.constantFrom(...'ab1.)(,;!?"\'>#+-=|:$%^{}/]é😀\u00a0\u2028', ' ', '\n', '\n\n', '1.', 'www', 'http:'), {
    maxLength: 30,
  })
  .map((parts) => parts.join(''))

describe('what needs no parser', () => {
  it('looks as if it had been through it', () => {
    let plain = 0
    const same = (raw: string) => {
      if (markdownHtml(raw) === unrendered(raw)) plain += 1
      expect(markdownHtml(raw)).toBe(renderMarkdown(raw))
    }
    fc.assert(fc.property(fc.oneof(prose, bits), same), { numRuns: tries(2_000, 200_000) })
    expect(plain).toBeGreaterThan(100)
  })
})

describe('nothing stays from one text to the next', () => {
  it('whatever they are', () => {
    const twice = (one: string, other: string) => {
      const first = markdownHtml(one)
      markdownHtml(other)
      expect(markdownHtml(one)).toBe(first)
    }
    fc.assert(fc.property(bits, bits, twice), { numRuns: tries(300, 20_000) })
    expect(markdownHtml('[a]: /b\n\n[a]')).toBe(p(link('/b', 'a')))
    expect(markdownHtml('[a]')).toBe(p('[a]'))
  })
})

const LENGTH = 65_536
const filled = (part: string) => part.repeat(LENGTH / part.length)
const lines = (line: (i: number) => string, count: number) =>
  Array.from({ length: count }, (_, i) => line(i)).join('\n')

/** Short to write, long to render; most parsers take minutes for one of them. */
const LONG: Readonly<Record<string, string>> = {
  brackets: filled('['),
  images: filled('!['),
  'links in links': '['.repeat(10_000) + 'a' + '](b)'.repeat(10_000),
  emphasis: filled('*a **a '),
  'emphasis in emphasis': `${'*a '.repeat(10_000)}${'b*'.repeat(10_000)}`,
  backticks: lines((i) => `e${'`'.repeat(i % 300)}`, 400),
  'quotations in quotations': filled('>'),
  'lists in lists': filled('1. '),
  'a deep quotation of many lines': `${'>'.repeat(36)}a\n${'a\n'.repeat(30_000)}`,
  'a long address, often': `[a]: /${'x'.repeat(30_000)}\n\n${'[a] '.repeat(8_000)}`,
  'many addresses': lines((i) => `[${i}]: /a\n[${i}]`, 4_000),
  addresses: filled('http://a)'),
  'addresses in angle brackets': filled('<m@x>'),
  hosts: filled('www.a.b '),
  mail: filled('a@b.cd,'),
  'a wide table': `${'|a'.repeat(8_000)}\n${'|-'.repeat(8_000)}\n${'x\n'.repeat(8_000)}`,
  'a table of nothing': `|a|b|\n|-|-|\n${'|\n'.repeat(30_000)}`,
  'short items': filled('- \n'),
  entities: filled('&'),
  declarations: filled('<![CDATA['),
}

describe('what would take too long or become too much', () => {
  it.each(Object.entries(LONG))('is bounded: %s', (_, raw) => {
    const html = markdownHtml(raw)
    expect(html.length).toBeLessThanOrEqual(Math.max(65_536, 8 * raw.length))
    if (renderMarkdown(raw) === undefined) expect(html).toBe(unrendered(raw))
  })

  it('is shown unrendered, and whole', () => {
    const given = Object.keys(LONG).filter((name) => renderMarkdown(LONG[name] ?? '') === undefined)
    expect(given).toEqual(
      expect.arrayContaining(['brackets', 'lists in lists', 'a long address, often', 'a wide table']),
    )
    const nested = (depth: number) => `${'> '.repeat(depth)}*a*`
    expect(markdownHtml(nested(36))).toContain('<em>a</em>')
    expect(markdownHtml(nested(60))).toBe(unrendered(nested(60)))
    expect(markdownHtml(`${'- '.repeat(60)}*a*`)).toContain('*a*')
  })

  it('is nothing that people write: pages of it are rendered', () => {
    const page = (i: number) =>
      `## Part ${i}\n\nSome **text** with [a link](https://example.com/${i}), \`code\` and a list that follows it:\n\n` +
      `- [ ] look at part ${i} of *everything*\n- tell <me@example.com> about it\n\n| name | value |\n|---|---|\n| part | ${i} |\n\n` +
      `> What was said about it, and by whom, does not matter.\n\n\`\`\`ts\nconst part = ${i} // and so on\n\`\`\`\n`
    const raw = lines(page, 200)
    expect(raw.length).toBeGreaterThan(60_000)
    expect(raw.length).toBeLessThan(LENGTH)
    expect(renderMarkdown(raw)).toContain('<h2 class="op-uc-h2">Part 199</h2>')
    const longer = lines(page, 220)
    expect(longer.length).toBeGreaterThan(LENGTH)
    expect(markdownHtml(longer)).toBe(unrendered(longer))
  })
})
