import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { createSteadyTime, type SteadyTime } from '../../src/dispatch/steady-time.ts'
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts'

const HOUR = 3_600_000

let clock: FakeClock
let time: SteadyTime
let start: number
beforeEach(() => {
  clock = createFakeClock()
  time = createSteadyTime(clock)
  start = clock.now()
})
const due = () => time.due() - start
const deadline = () => time.deadline() - start

describe('what is due', () => {
  it.each([
    ['as time passes', 0, 0],
    ['after a step forwards', 10 * HOUR, 10 * HOUR],
    ['after a step backwards', -10 * HOUR, 0],
    ['after a small correction forwards', 900, 900],
    ['after a small correction backwards', -900, 0],
  ])('is known %s', (_, step, ahead) => {
    clock.step(step)
    expect(due()).toBe(ahead)
    clock.advance(5000)
    expect(due()).toBe(ahead + 5000)
  })

  it.each([10 * HOUR, 30_000])('does not wait for a step of %i ms that is taken back', (step) => {
    clock.step(step)
    const until = due() + 5000
    clock.step(-step)
    clock.advance(5000)
    expect(due()).toBe(until)
    clock.step(step / 2)
    expect(due()).toBe(until)
  })
})

describe('what is too late', () => {
  it('is not so earlier for a step, either way', () => {
    clock.step(10 * HOUR)
    clock.advance(5000)
    expect(deadline()).toBe(5000)
    clock.step(-20 * HOUR)
    expect(deadline()).toBe(5000 - 10 * HOUR)
  })

  it('follows small corrections, however often it is asked', () => {
    for (let time = 0; time < 10; time += 1) {
      clock.advance(HOUR)
      clock.step(10_000)
      due()
    }
    expect(deadline()).toBe(10 * HOUR + 100_000)
  })
})

it('is never too late before it is due, whatever the clock does', () => {
  const ms = fc.integer({ min: -10 * HOUR, max: 10 * HOUR })
  const happening = fc.oneof(
    fc.record({ step: ms }),
    fc.record({ pass: fc.nat({ max: HOUR }) }),
    fc.constant('ask' as const),
  )
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 20 }), (happenings) => {
      const clock = createFakeClock()
      const time = createSteadyTime(clock)
      for (const happening of happenings) {
        if (happening === 'ask') time.deadline()
        else if ('step' in happening) clock.step(happening.step)
        else clock.advance(happening.pass)
        expect(time.deadline()).toBeLessThanOrEqual(time.due())
      }
    }),
  )
})
