import { expect, it } from 'vitest'
import { createTurns } from '../../src/api/turns.ts'

const later = () => new Promise((resolve) => setImmediate(resolve))

it('of one key come one after the other, whatever becomes of each, and of others at once', async () => {
  const turns = createTurns()
  const seen: string[] = []
  const work = (key: string, name: string, fails = false) =>
    turns.take(key, async () => {
      seen.push(`${name} begins`)
      await later()
      seen.push(`${name} ends`)
      if (fails) throw new Error(name)
      return name
    })
  const settled = await Promise.allSettled([work('a', 'a1'), work('a', 'a2', true), work('b', 'b1'), work('a', 'a3')])
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  expect(seen.filter((line) => line.startsWith('a'))).toEqual(
    ['a1', 'a2', 'a3'].flatMap((name) => [`${name} begins`, `${name} ends`]),
  )
  expect(seen.slice(0, 2)).toEqual(['a1 begins', 'b1 begins'])
})

it('pause while somebody works alone, one after the other', async () => {
  const turns = createTurns()
  expect(turns.pause).toBeUndefined()
  const seen: string[] = []
  const work = async (name: string) => {
    seen.push(`${name} begins`)
    await later()
    seen.push(`${name} ends`)
  }
  const both = [turns.alone(() => work('a')), turns.alone(() => work('b'))]
  expect(turns.pause).toBeDefined()
  await turns.pause
  expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
  await Promise.all(both)
  await later()
  expect(turns.pause).toBeUndefined()
})

it('come at once when nobody is before', async () => {
  const turns = createTurns()
  await turns.take('a', later)
  await later()
  let begun = false
  const taken = turns.take('a', async () => void (begun = true))
  expect(begun).toBe(true)
  await taken
})
