import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { CollectionJson } from '../../src/api/v3/representers/collection-json.ts'

const LONG = JSON.stringify('x'.repeat(300_000))
const collection = (elements: (() => string)[]) => new CollectionJson('{"elements":[', elements, ']}')

it('is one text when it is short, whatever the number of elements', () => {
  expect(collection([]).open()).toBe('{"elements":[]}')
  expect(collection([() => '1', () => '2', () => '3']).open()).toBe('{"elements":[1,2,3]}')
  expect(collection([() => LONG]).open()).toBe(`{"elements":[${LONG}]}`)
})

it('comes in pieces when it is long, and says the same', async () => {
  const kinds = [LONG, '1', '2', LONG, LONG, '3', LONG]
  const opened = collection(kinds.map((json) => () => json)).open()
  expect(await text(opened as Readable)).toBe(`{"elements":[${kinds.join(',')}]}`)
})

it('comes in pieces when little is shown of what is long', async () => {
  const opened = new CollectionJson(
    '[',
    [LONG, '1', LONG, '2'].map((json) => () => json),
    ']',
    (json) => json.slice(0, 2),
  )
  const pieces: unknown[] = await (opened.open() as Readable).toArray()
  expect(pieces.map(String)).toEqual(['["x', ',1,"x', ',2]'])
})

it('is rendered piece by piece as it is taken, and others have their turn before each', async () => {
  let turn = 0
  const turns: number[] = []
  const count = () => void setImmediate(() => ((turn += 1), turns.length < 10 && count()))
  count()
  const render = () => (turns.push(turn), LONG)
  const opened = collection(Array.from({ length: 10 }, () => render)).open() as Readable
  expect(turns).toHaveLength(1)
  const pieces = opened.iterator() as AsyncIterator<string>
  await pieces.next()
  expect(turns.length).toBeLessThan(5)
  while (!(await pieces.next()).done) continue
  expect(turns).toHaveLength(10)
  expect(new Set(turns).size).toBe(10)
})
