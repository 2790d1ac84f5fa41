import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { createJsonMemo } from '../../src/api/json-memo.ts'

/** How often it is rendered when it is asked for twice. */
function renderedOf(sources: readonly object[], text: string, row: object | string = {}): number {
  const memo = createJsonMemo()
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

it('remembers by name what is longer', () => {
  expect(renderedOf(many(3), 'x'.repeat(262_144), 'name')).toBe(1)
  expect(renderedOf(many(3), 'x'.repeat(262_145), 'name')).toBe(2)
})

it('forgets what was remembered of a row that has become large', () => {
  const memo = createJsonMemo()
  const row = {}
  const [first, more] = [many(1), many(300)]
  memo.json(row, 'whole', first, () => 'short')
  memo.json(row, 'whole', more, () => 'long')
  expect(memo.json(row, 'whole', first, () => 'again')).toBe('again')
})

it('remembers by name as well, the newest as far as they are short enough together', () => {
  const memo = createJsonMemo()
  const source = {}
  let rendered = 0
  const ask = (name: string) => memo.json(name, '', [source], () => ((rendered += 1), name.padEnd(32_768, 'x'))).length
  const renders = (name: string) => {
    const before = rendered
    expect(ask(name)).toBe(32_768)
    return rendered - before
  }
  const fits = (16 * 1024 * 1024) / 32_768
  for (let i = 1; i <= fits + 1; i += 1) ask(`name ${i}`)
  expect(renders('name 2')).toBe(0)
  expect(renders('name 1'), 'the oldest had to go').toBe(1)
  for (let again = 0; again < fits; again += 1) memo.json('name 3', '', [{}], () => 'x'.repeat(32_768))
  expect(renders('name 4'), 'what one name holds anew takes no room from others').toBe(0)
})

it('does not keep in memory what a text was rendered from', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const memo = createJsonMemo()
  const row = {}
  const seen = () => {
    const large = { text: 'x' }
    memo.json(row, 'whole', [large], () => 'of the row')
    memo.json('name', '', [large], () => 'of the name')
    return new WeakRef(large)
  }
  const large = seen()
  for (let turn = 0; turn < 50 && large.deref(); turn += 1) {
    await nextTurn()
    collect()
  }
  expect(large.deref()).toBeUndefined()
})
