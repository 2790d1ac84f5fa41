import { expect, it } from 'vitest'
import { Alarm } from '../../src/dispatch/alarm.ts'
import { freshEndpoint } from '../../src/dispatch/endpoint.ts'
import { createLane, type Lane } from '../../src/dispatch/lane.ts'
import { createSteadyTime } from '../../src/dispatch/steady-time.ts'
import { createFakeClock } from '../support/fake-clock.ts'

const HOUR = 3_600_000

it('holds as much as there are lanes to wake, however often one is woken before it has to be', () => {
  const clock = createFakeClock()
  const time = createSteadyTime(clock)
  const lanes = ['a', 'b', 'c'].map((name) => createLane(name, freshEndpoint(name), time.due()))
  const late = time.due() + 10 * HOUR
  const rung: string[] = []
  const alarm = new Alarm(clock, time, (woken: readonly Lane[]) => {
    for (const lane of woken) {
      rung.push(lane.name)
      if (time.due() < late) alarm.set(lane, late)
    }
  })
  for (const lane of lanes) alarm.set(lane, late)
  for (let round = 0; round < 200; round += 1) {
    for (const lane of lanes) alarm.set(lane, time.due() + 5000)
    clock.advance(5001)
    expect(alarm.size).toBeLessThanOrEqual(2 * lanes.length)
  }
  expect(rung).toHaveLength(200 * lanes.length)
  rung.length = 0
  clock.advance(10 * HOUR)
  expect(rung.toSorted()).toEqual(['a', 'b', 'c'])
  expect(alarm.size).toBe(0)
})
