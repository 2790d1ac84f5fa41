import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { layOutPackage } from '../../scripts/package.ts'
import { webhookYaml } from '../reconcile/environment.ts'
import { createPlace, startProgram } from '../support/program.ts'
import { createReceiver } from '../support/receiver.ts'

const ROOT = join(import.meta.dirname, '..', '..')
let app: string

/** The package, with the dependencies of the checkout. */
beforeAll(() => {
  app = mkdtempSync(join(tmpdir(), 'nepenthes-build-'))
  layOutPackage(app, true)
  symlinkSync(join(ROOT, 'node_modules'), join(app, 'node_modules'))
}, 120_000)
afterAll(() => rmSync(app, { recursive: true, force: true }))

/** The exit code of what the image calls its health check, asked of this admin listener. */
function healthCheck(admin: string): number | null {
  const [, words = '[]'] = /^HEALTHCHECK .* CMD (\[.*\])$/m.exec(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')) ?? []
  const [command = '', ...args] = (JSON.parse(words) as string[]).map((word) =>
    word.replace('http://127.0.0.1:8081', admin),
  )
  expect(args.join(' ')).toContain(`${admin}/readyz`)
  return spawnSync(command, args).status
}

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
    expect(healthCheck(program.admin)).toBe(0)
    expect((await program.call('POST', '/api/v3/projects', { name: 'One', identifier: 'one' })).status).toBe(201)
    await receiver.received(1)
    expect((await program.kill('SIGTERM')).code).toBe(0)
    expect(healthCheck(program.admin)).toBe(1)
    await receiver.close()
    place.dispose()
  })
})

describe('the package', () => {
  const read = (file: string) => JSON.parse(readFileSync(join(app, file), 'utf8')) as Record<string, unknown>

  it('names the compiled program, and nothing of the checkout', () => {
    const manifest = read('package.json')
    expect(manifest['bin']).toEqual({ nepenthes: 'dist/cli/main.js' })
    for (const field of ['private', 'scripts', 'devDependencies', 'overrides'])
      expect(manifest).not.toHaveProperty(field)
  })

  it('pins what it depends on, directly or not, and nothing for development', () => {
    const { packages } = read('npm-shrinkwrap.json') as { packages: Record<string, Record<string, unknown>> }
    for (const [name, version] of Object.entries(read('package.json')['dependencies'] as Record<string, string>))
      expect(packages[`node_modules/${name}`]).toMatchObject({ version })
    expect(Object.values(packages).filter((entry) => entry['dev'] === true || 'devDependencies' in entry)).toEqual([])
  })

  it('holds the program and what people read, no sources, maps, tests or secrets', () => {
    const packed = execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: app, encoding: 'utf8' })
    const [{ files }] = JSON.parse(packed) as [{ files: { path: string }[] }]
    const paths = files.map(({ path }) => path)
    expect(paths).toEqual(expect.arrayContaining(['dist/cli/main.js', 'dist/storage/sqlite/writer-worker.js']))
    expect(paths).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'crds/webhooks.yaml', 'npm-shrinkwrap.json']),
    )
    const allowed =
      /^(dist\/.*\.js|docs\/.*\.md|(crds|examples)\/.*\.yaml|schemas\/.*\.json|LICENSE|[A-Z]+\.md|(package|npm-shrinkwrap)\.json)$/
    expect(paths.filter((path) => !allowed.test(path))).toEqual([])
  })
})

describe('the bill of materials', () => {
  const ARGS = ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application']
  const purl = (name: string, version: string) => `pkg:npm/${name.replace('@', '%40')}@${version}`

  it('lists every production dependency, direct or not, with its hash, and nothing else', () => {
    const bill = JSON.parse(execFileSync('npm', ARGS, { cwd: app, encoding: 'utf8' })) as {
      bomFormat: string
      components: { purl: string; hashes?: unknown[] }[]
    }
    const read = (file: string) => JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as Record<string, object>
    const locked = read('package-lock.json')['packages'] as Record<string, { version: string; dev?: true }>
    const shipped = Object.entries(locked).filter(([path, { dev }]) => path !== '' && !dev)
    const expected = new Set(shipped.map(([path, { version }]) => purl(path.replace(/^.*node_modules\//, ''), version)))
    expect(bill.bomFormat).toBe('CycloneDX')
    expect([...new Set(bill.components.map((component) => component.purl))].sort()).toEqual([...expected].sort())
    for (const [name, version] of Object.entries(read('package.json')['dependencies'] as Record<string, string>))
      expect(expected, name).toContain(purl(name, version))
    expect(bill.components.filter(({ hashes }) => !hashes?.length)).toEqual([])
  })

  it('is made the same way where it is published', () => {
    const workflow = readFileSync(join(ROOT, '.github', 'workflows', 'release.yml'), 'utf8')
    expect(workflow).toContain(`- run: npm ${ARGS.join(' ')} > ../release/sbom.cdx.json`)
  })
})
