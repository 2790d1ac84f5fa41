import type { Env, MarkdownIt, StateBlock, StateCore, StateInline } from 'markdown-it'

/**
 * What rendering one text may cost. The parser's time is proportional to its steps, not to the text: of brackets, nested quotes or
 * wide tables a few KiB keep it busy as long as a book does. So its steps are counted, by rules that stand before all others; once
 * there were too many, these rules take whatever is left, which ends the parser at once, and the text is shown unrendered.
 */
export interface Budget {
  /** In steps of the inline parser, about 1 us each; below zero it is spent. */
  left: number
  /** Block tokens that were paid for. */
  tokens: number
}

/** What people write takes a tenth of a step for each character, dense tables and lists of tasks half of one and more. */
const STEPS = 6_000
const STEPS_PER_CHARACTER = 0.4

/** What takes longer than a step: addresses in the text, in angle brackets, behind square ones. */
const URL_STEPS = 20
const MAIL_STEPS = 15
const AUTOLINK_STEPS = 8
const LINK_STEPS = 3
/** Rules for blocks look at the beginning of a line only. */
const LINE_STEPS = 0.25
/** Characters of an address or title that are written about as fast as a step is made. */
const ATTRIBUTE_CHARACTERS = 50

/** Deepest level of a block, where a list takes two. One level more, and the parser would leave out what is in it. */
export const LEVELS = 40
const DEEPEST = LEVELS - 3

const STEPS_AT: Readonly<Record<string, number>> = {
  '@': MAIL_STEPS,
  '<': AUTOLINK_STEPS,
  '[': LINK_STEPS,
  '!': LINK_STEPS,
}

export function createBudget(raw: string): Budget {
  // Addresses without a scheme are found without a step.
  const bare = raw.match(/www\./gi)?.length ?? 0
  return { left: STEPS + raw.length * STEPS_PER_CHARACTER - bare * URL_STEPS, tokens: 0 }
}

export function isSpent({ left }: Budget): boolean {
  return left < 0
}

/** The library hands the environment of a call through to every rule. */
export function budgetOf(env: Env | undefined): Budget {
  return env?.['budget'] as Budget
}

/** Pays for addresses and titles, which a text may show any number of times although it holds them once. */
export function payForAttributes(budget: Budget, attributes: readonly (readonly [string, string | number])[]): void {
  for (const [, value] of attributes) budget.left -= String(value).length / ATTRIBUTE_CHARACTERS
}

export function countSteps(md: MarkdownIt): void {
  const everywhere = ['paragraph', 'reference', 'blockquote', 'list']
  md.block.ruler.before('table', 'budget', payForBlock, { alt: everywhere })
  md.inline.ruler.before('text', 'budget', payForInline)
  md.core.ruler.after('block', 'budget of blocks', giveUp)
  md.core.ruler.after('inline', 'budget of inlines', giveUp)
}

/** What will not be shown need not be looked at further. */
function giveUp({ env, tokens }: StateCore): void {
  if (isSpent(budgetOf(env))) tokens.length = 0
}

/** Rules push tokens between two calls: a table those of a row, except for the first two, which it makes in one go. */
function payForBlock(state: StateBlock, line: number, end: number, silent: boolean): boolean {
  const budget = budgetOf(state.env)
  budget.left -= LINE_STEPS + state.tokens.length - budget.tokens
  if (!silent) budget.left -= columnsBelow(state, line)
  budget.tokens = state.tokens.length
  if (state.level > DEEPEST) budget.left = -1
  if (!isSpent(budget)) return false
  if (!silent) state.line = end
  return true
}

/** Where a table may begin: its second line starts like this. */
const TABLE = /^(?:[|:]|-[|:-])/

/** A table that begins here has at most so many columns. */
function columnsBelow({ src, bMarks, tShift, eMarks }: StateBlock, line: number): number {
  const begin = (bMarks[line + 1] ?? 0) + (tShift[line + 1] ?? 0)
  return TABLE.test(src.slice(begin, begin + 2)) ? ((eMarks[line + 1] ?? begin) - begin) / 2 : 0
}

function payForInline(state: StateInline): boolean {
  const budget = budgetOf(state.env)
  budget.left -= stepsAt(state.src, state.pos)
  if (!isSpent(budget)) return false
  state.pos = state.posMax
  return true
}

function stepsAt(text: string, at: number): number {
  const character = text[at] ?? ''
  return character === ':' && text[at + 1] === '/' ? URL_STEPS : (STEPS_AT[character] ?? 1)
}
