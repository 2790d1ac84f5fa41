import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { releaseNotes } from '../scripts/release-notes.ts'

const ROOT = join(import.meta.dirname, '..')
const text = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const manifest = JSON.parse(text('package.json')) as {
  version: string
  devDependencies: Record<string, string>
  scripts: Record<string, string>
}
const NODE = manifest.devDependencies['node'] as string

/** The instructions of the Dockerfile, stage by stage, continued lines joined. */
const stages = text('Dockerfile')
  .replace(/^\s*#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split(/^(?=FROM )/m)
  .map((stage) => stage.split('\n').filter((line) => line !== ''))

describe('the image', () => {
  const last = stages.at(-1) ?? []
  const instruction = (name: string) => last.find((line) => line.startsWith(`${name} `))

  it('needs no shell to be made of its base, nor to run', () => {
    expect(last.filter((line) => /^(RUN|SHELL|ADD)\b/.test(line))).toEqual([])
    for (const name of ['HEALTHCHECK', 'ENTRYPOINT', 'CMD']) {
      const words = instruction(name)
        ?.replace(/^HEALTHCHECK .*? CMD /, '')
        .replace(/^[A-Z]+ (?=\[)/, '')
      expect(JSON.parse(String(words)), name).toEqual(expect.arrayContaining([expect.any(String)]))
    }
    expect(instruction('ENTRYPOINT')).toBe('ENTRYPOINT ["node", "dist/cli/main.js"]')
  })

  it('does not run as root, and writes to its volume only', () => {
    expect(instruction('USER')).toBe('USER 65532:65532')
    expect(instruction('VOLUME')).toBe('VOLUME ["/data"]')
    expect(last.filter((line) => line.startsWith('COPY ') && !line.includes('--chown=0:0'))).toEqual([
      'COPY --from=build --chown=65532:65532 /build/data /data',
    ])
    expect(instruction('ENV')).toContain('NEPENTHES_DATA=/data')
  })

  it('is built on the Node.js the tests run on, by a name without a registry', () => {
    const bases = text('Dockerfile').matchAll(/^(?:FROM|ARG RUNTIME=) ?(\S+)/gm)
    expect([...bases].map(([, name]) => name)).toEqual([
      `node:${NODE}-bookworm-slim`,
      `node:${NODE}-bookworm-slim`,
      '${RUNTIME}',
    ])
  })

  it('is made of what is in the checkout and what the first stage makes', () => {
    const sources = (stages[1] ?? [])
      .filter((line) => line.startsWith('COPY '))
      .flatMap((line) => line.split(' ').slice(1, -1))
    expect(sources.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
    expect(sources.length).toBeGreaterThan(5)
    expect((stages[1] ?? []).join('\n')).toMatch(/^RUN npm sbom .*--sbom-format=cyclonedx .*> sbom.cdx.json$/m)
    expect(last).toContain('COPY --from=build --chown=0:0 /build/dist/nepenthes-operator ./')
  })
})

describe('the release workflow', () => {
  interface Step {
    readonly uses?: string
    readonly run?: string
    readonly env?: Record<string, string>
  }
  interface Job {
    readonly needs?: string | string[]
    readonly permissions: Record<string, string>
    readonly 'timeout-minutes': number
    readonly steps: readonly Step[]
  }
  const source = text('.github/workflows/release.yml')
  const workflow = parse(source) as {
    on: { push: { tags: string[]; branches?: string[] } }
    permissions: object
    jobs: Record<string, Job>
  }
  const jobs = Object.entries(workflow.jobs)
  const steps = jobs.flatMap(([, job]) => job.steps)
  const commands = (name: string) => (workflow.jobs[name]?.steps ?? []).map(({ run }) => run ?? '').join('\n')

  it('is made by a tag alone, and publishes nothing before every test passed', () => {
    expect(workflow.on).toEqual({ push: { tags: ['v*'] } })
    expect(commands('test')).toContain('.ci/run')
    for (const [name, { needs }] of jobs.filter(([name]) => name !== 'test'))
      expect([needs].flat(), name).toContain('test')
  })

  it('tests, builds, bills, attests, and publishes package, image and chart', () => {
    expect(Object.keys(workflow.jobs)).toEqual(['test', 'package', 'image', 'chart'])
    for (const command of [
      'npm run package',
      'npm pack ',
      'npm sbom ',
      'npm publish --provenance ',
      'gh release create ',
    ])
      expect(commands('package')).toContain(command)
    expect(workflow.jobs['package']?.steps.map(({ uses }) => uses?.split('@')[0])).toContain(
      'actions/attest-build-provenance',
    )
    expect(commands('image')).toMatch(/docker buildx build .*--sbom=true --provenance=mode=max/)
    expect(commands('chart')).toContain('helm package "$chart"')
  })

  it('runs scripts and files there are', () => {
    const ran = steps.flatMap(({ run = '' }) =>
      [...run.matchAll(/npm run (\w+)/g)].map(([, script]) => script as string),
    )
    expect(ran.filter((script) => manifest.scripts[script] === undefined)).toEqual([])
    const named = [...source.matchAll(/(?:scripts|test|\.ci)\/[\w./-]+/g)].map(([path]) => path)
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
    expect(named.length).toBeGreaterThan(2)
  })

  it('pins every action to a commit, with the version for people', () => {
    const uses = [...source.matchAll(/uses: (.*)/g)].map(([, action]) => action as string)
    expect(uses).toHaveLength(steps.filter((step) => step.uses !== undefined).length)
    expect(uses.filter((action) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action))).toEqual([])
  })

  it('gives each job what it needs and a time, and no expression is pasted into a shell', () => {
    expect(workflow.permissions).toEqual({})
    for (const [name, job] of jobs) {
      expect(Object.keys(job.permissions), name).toContain('contents')
      expect(job['timeout-minutes'], name).toBeLessThanOrEqual(60)
    }
    expect(steps.filter(({ run }) => run?.includes('${{'))).toEqual([])
  })
})

it('no Dockerfile or workflow names the host of a registry', () => {
  const files = ['Dockerfile', ...globSync('.github/workflows/*.yml', { cwd: ROOT })]
  const host = /\b(?:[a-z0-9-]+\.)+(?:io|com|org|dev|net)\b/gi
  expect(files.flatMap((file) => [...text(file).matchAll(host)].map(([found]) => `${file}: ${found}`))).toEqual([])
})

describe('the changelog', () => {
  const changelog = text('CHANGELOG.md')
  const sections = [...changelog.matchAll(/^## \[(.+?)\](?: - (.+))?$/gm)].map(([, version, date]) => ({
    version,
    date,
  }))

  it('keeps the format: the unreleased first, then every version, under the six headings', () => {
    expect(sections[0]).toEqual({ version: 'Unreleased', date: undefined })
    expect(sections.map(({ version }) => version)).toContain(manifest.version)
    const headings = [...changelog.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading)
    const allowed = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']
    expect(headings.filter((heading) => !allowed.includes(String(heading)))).toEqual([])
  })

  it('gives a release its notes, when tag, package and changelog agree', () => {
    const written =
      '# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-11-30\n\n### Added\n\n- It.\n\n## [1.1.0] - 2026-01-01\n'
    expect(releaseNotes('v1.2.0', '1.2.0', written)).toBe('### Added\n\n- It.\n')
    expect(() => releaseNotes('v1.2.1', '1.2.0', written)).toThrow('the tag is v1.2.1, but package.json says 1.2.0')
    expect(() => releaseNotes('v1.3.0', '1.3.0', written)).toThrow(
      'CHANGELOG.md has no section "## [1.3.0] - YYYY-MM-DD"',
    )
    expect(() => releaseNotes('v1.2.0', '1.2.0', written.replace('2026-11-30', 'not released'))).toThrow('no section')
  })
})
