import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { describe, expect, test } from 'vitest'

import { ended, nepenthes, startProcess } from '../support/cli.ts'
import { createPlace } from '../support/program.ts'

const FIXTURE = fileURLToPath(new URL('./fixtures/run-until-stopped.ts', import.meta.url))

/** Runs an operator of this temper; `act` is called once it has started. */
async function run(temper: string, act: (child: ReturnType<typeof startProcess>) => void | Promise<void>) {
  const child = startProcess([temper], {}, FIXTURE)
  const ran = ended(child)
  if (child.stdout) await once(child.stdout, 'data')
  await act(child)
  return ran
}

describe('stopping', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s stops it once, exit 0', async (signal) => {
    const { code, stdout } = await run('calm', (child) => void child.kill(signal))
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'started\nstopping\n' })
  })

  test('a second signal ends it at once', async () => {
    const { code, stdout } = await run('stubborn', async (child) => {
      child.kill('SIGTERM')
      if (child.stdout) await once(child.stdout, 'data')
      child.kill('SIGTERM')
    })
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'started\nstopping\n' })
  })

  test('who does not stop in 10 s is ended', async () => {
    const { code, stderr } = await run('hangs', (child) => void child.kill('SIGTERM'))
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'nepenthes: not stopped after 10 s, giving up\n' })
  })

  test('who cannot go on, and does not stop in 10 s either, is ended', async () => {
    const { code, stderr } = await run('fails-and-hangs', () => undefined)
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'nepenthes: not stopped after 10 s, giving up\n' })
  })

  test('an unhandled rejection is logged and ends it', async () => {
    const { code, stderr } = await run('careless', () => undefined)
    expect(code).toBe(1)
    expect(JSON.parse(stderr)).toMatchObject({
      level: 'error',
      msg: 'unhandled rejection: this is a bug',
      err: { message: 'nobody awaited me' },
    })
  })

  test('who cannot go on fails', async () => {
    const { code, stderr } = await run('fails-later', () => undefined)
    expect(code).not.toBe(0)
    expect(stderr).toContain('the disk is gone')
  })
})

describe('refusing to start', () => {
  test('a cluster that is not configured', async () => {
    const place = createPlace()
    const { code, stderr } = await nepenthes(['run', '--kubernetes', '--data', place.data], {
      KUBECONFIG: `${place.root}/missing`,
    })
    place.dispose()
    expect(code).toBe(1)
    expect(stderr).toContain('nepenthes: --kubernetes: the kubeconfig cannot be used: ')
  })

  test('wrong values are wrong usage', async () => {
    const { code, stderr } = await nepenthes(['run', '--config', 'x'], { NEPENTHES_LISTEN: 'nowhere' })
    expect(code).toBe(2)
    expect(stderr).toMatch(/^nepenthes: --listen "nowhere", set by NEPENTHES_LISTEN: expected HOST:PORT/)
  })
})
