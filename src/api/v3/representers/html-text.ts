/** Plain text as HTML. */

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escapeHtml(text: string): string {
  return /[&<>"']/.test(text) ? text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '') : text
}

/** The escaped text in paragraphs and lines, safe whatever it holds; `open` is the tag that begins a paragraph. */
export function paragraphs(raw: string, open: string): string {
  return raw
    .split(/\r?\n(?:[ \t]*\r?\n)+/)
    .filter((text) => text.trim() !== '')
    .map((text) => `${open}${escapeHtml(text.trim()).replace(/\r?\n/g, '<br>')}</p>`)
    .join('\n')
}
