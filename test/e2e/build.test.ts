import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { webhookYaml } from '../reconcile/environment.ts'
import { createPlace, startProgram } from '../support/program.ts'
import { createReceiver } from '../support/receiver.ts'

const ROOT = join(import.meta.dirname, '..', '..')
let app: string

/** Laid out as in the image: package.json, node_modules and dist side by side. */
beforeAll(() => {
  app = mkdtempSync(join(tmpdir(), 'nepenthes-build-'))
  copyFileSync(join(ROOT, 'package.json'), join(app, 'package.json'))
  symlinkSync(join(ROOT, 'node_modules'), join(app, 'node_modules'))
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  execFileSync(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(app, 'dist')])
}, 120_000)
afterAll(() => rmSync(app, { recursive: true, force: true }))

describe('the compiled program', () => {
  it('knows its version', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    const said = execFileSync(process.execPath, [join(app, 'dist', 'cli', 'main.js'), '--version'], {
      encoding: 'utf8',
    })
    expect(said.trim()).toBe(version)
  })

  it('does the main job: its threads are found too', async () => {
    const place = createPlace()
    const receiver = await createReceiver()
    place.write('hook.yaml', webhookYaml('hook', `url: ${receiver.url}`, 'events: [project:created]'))
    const program = await startProgram(place, [], {}, join(app, 'dist', 'cli', 'main.js'))
    await program.until('Webhook/hook', 'Ready', 'True')
    expect((await program.call('POST', '/api/v3/projects', { name: 'One', identifier: 'one' })).status).toBe(201)
    await receiver.received(1)
    expect((await program.kill('SIGTERM')).code).toBe(0)
    await receiver.close()
    place.dispose()
  })
})

describe('the image', () => {
  const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')

  it('does not run as root, and starts what the build makes', () => {
    expect(dockerfile).toMatch(/^USER 65532:65532$/m)
    expect(dockerfile).toMatch(/^ENTRYPOINT \["node", "dist\/cli\/main.js"\]$/m)
  })

  it('writes to its volume only', () => {
    expect(dockerfile).toMatch(/^VOLUME \["\/data"\]$/m)
    expect(dockerfile).toContain('NEPENTHES_DATA=/data')
  })
})
