import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { layOutPackage } from '../../scripts/package.ts'
import { webhookYaml } from '../reconcile/environment.ts'
import { createPlace, startProgram } from '../support/program.ts'
import { createReceiver } from '../support/receiver.ts'

const ROOT = join(import.meta.dirname, '..', '..')
type Locked = Readonly<Record<string, { readonly version: string; readonly dev?: boolean }>>
let root: string

/** What people do: a tarball, installed into a folder that was empty. Most of it comes from npm's cache. */
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'nepenthes-package-'))
  layOutPackage(join(root, 'package'))
  npm('pack', './package')
  const tarball = readdirSync(root).find((name) => name.endsWith('.tgz')) as string
  npm('install', '--prefix', join(root, 'app'), '--prefer-offline', '--no-audit', '--no-fund', join(root, tarball))
}, 300_000)
afterAll(() => rmSync(root, { recursive: true, force: true }))

function npm(...args: string[]): void {
  execFileSync('npm', args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
}

const locked = (folder: string, file: string) =>
  (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { packages: Locked }).packages

const versions = (all: readonly (readonly [string, { readonly version: string }])[]) =>
  all.map(([path, { version }]) => `${path}@${version}`).sort()

describe('the package, installed', () => {
  it('brings what it depends on, in the versions the tests ran with', () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
    }
    const installed = locked(join(root, 'app'), 'package-lock.json')
    for (const [name, version] of Object.entries(dependencies))
      expect(installed[`node_modules/${name}`]?.version, name).toBe(version)
  })

  it('is a program that does the main job', async () => {
    const place = createPlace()
    const receiver = await createReceiver()
    place.write('hook.yaml', webhookYaml('hook', `url: ${receiver.url}`, 'events: [project:created]'))
    const main = realpathSync(join(root, 'app', 'node_modules', '.bin', 'nepenthes'))
    const program = await startProgram(place, [], {}, main)
    await program.until('Webhook/hook', 'Ready', 'True')
    expect((await program.call('POST', '/api/v3/projects', { name: 'One', identifier: 'one' })).status).toBe(201)
    await receiver.received(1)
    expect((await program.kill('SIGTERM')).code).toBe(0)
    await receiver.close()
    place.dispose()
  })
})

describe('the package, as the image holds it', () => {
  it('brings exactly what the tests ran with: of a tarball alone, npm does not heed the shrinkwrap', () => {
    const folder = join(root, 'package')
    npm('ci', '--prefix', folder, '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts')
    const tested = Object.entries(locked(ROOT, 'package-lock.json')).filter(([path, { dev }]) => path !== '' && !dev)
    expect(versions(Object.entries(locked(folder, 'node_modules/.package-lock.json')))).toEqual(versions(tested))
  }, 300_000)
})
