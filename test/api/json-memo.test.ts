import { expect, it } from 'vitest'
import { createJsonMemo } from '../../src/api/json-memo.ts'

/** How often it is rendered when it is asked for twice. */
function renderedOf(sources: readonly object[], text: string): number {
  const memo = createJsonMemo()
  const row = {}
  let rendered = 0
  const render = () => ((rendered += 1), text)
  for (let asked = 0; asked < 2; asked += 1) expect(memo.json(row, 'whole', sources, render)).toBe(text)
  return rendered
}
const many = (count: number) => Array.from({ length: count }, () => ({}))

it('remembers what is short and shows few other rows, and nothing else', () => {
  expect(renderedOf(many(3), 'x')).toBe(1)
  expect(renderedOf(many(200), 'x'.repeat(32_768))).toBe(1)
  expect(renderedOf(many(201), 'x')).toBe(2)
  expect(renderedOf(many(3), 'x'.repeat(32_769))).toBe(2)
})

it('forgets what was remembered of a row that has become large', () => {
  const memo = createJsonMemo()
  const row = {}
  const [first, more] = [many(1), many(300)]
  memo.json(row, 'whole', first, () => 'short')
  memo.json(row, 'whole', more, () => 'long')
  expect(memo.json(row, 'whole', first, () => 'again')).toBe('again')
})

it('remembers by name as well, the newest two thousand', () => {
  const memo = createJsonMemo()
  const source = {}
  const ask = (name: string) => memo.json(name, '', [source], () => `${name} ${(rendered += 1)}`)
  let rendered = 0
  for (let i = 1; i <= 2_001; i += 1) ask(`name ${i}`)
  expect(ask('name 2')).toBe('name 2 2')
  expect(ask('name 1'), 'the oldest had to go').toBe('name 1 2002')
  expect(memo.json('name 1', '', [{}], () => 'of another source')).toBe('of another source')
})
