import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { webhookYaml } from '../reconcile/environment.ts'
import { type Ran, ended } from '../support/cli.ts'
import { kubectlPath } from '../support/kubectl.ts'

const ROOT = join(import.meta.dirname, '..', '..')

interface Workflow {
  readonly defaults: { readonly run: { readonly shell: string } }
  readonly env: { readonly CONFIG: string }
  readonly jobs: { readonly check: { readonly steps: readonly { readonly name?: string; readonly run?: string }[] } }
}

const workflow = parse(readFileSync(join(ROOT, 'examples/ci/pull-request.yaml'), 'utf8')) as Workflow
/** The first installs what is in this checkout already. */
const [install, ...steps] = workflow.jobs.check.steps.flatMap(({ name = '', run }) => (run ? [{ name, run }] : []))

let directory: string
let repository: string
let base: string

/** As the runner runs a step whose shell is `bash`. */
function bash(script: string, more: Record<string, string> = {}): Promise<Ran> {
  const env = {
    PATH: `${join(directory, 'bin')}:${process.env['PATH']}`,
    HOME: directory,
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    CONFIG: workflow.env.CONFIG,
    BASE: base,
    RUNNER_TEMP: directory,
    GITHUB_STEP_SUMMARY: join(directory, 'summary.md'),
    ...more,
  }
  const args = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script]
  return ended(spawn('bash', args, { cwd: repository, env, stdio: ['ignore', 'pipe', 'pipe'] }))
}

const GIT = 'git -c user.name=a -c user.email=a@example.com -c commit.gpgsign=false'

/** Commits these files of the configuration; answers the commit. */
async function commit(files: Readonly<Record<string, string>>): Promise<string> {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(repository, 'config', name), text)
  const { code, stdout, stderr } = await bash(`git add . && ${GIT} commit --quiet -m x && git rev-parse HEAD`)
  expect(code, stderr).toBe(0)
  return stdout.trim()
}

const step = (name: string, more?: Record<string, string>) =>
  bash(steps.find((one) => one.name === name)?.run ?? 'exit 99', more)
const validate = () => step('Validate the files')
const validateRendered = (CONFIG = 'config') => step('Validate what Kustomize makes of them', { CONFIG })

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nepenthes-pull-request-'))
  repository = join(directory, 'repository')
  base = ''
  mkdirSync(join(repository, 'config'), { recursive: true })
  mkdirSync(join(directory, 'bin'))
  symlinkSync(kubectlPath(), join(directory, 'bin', 'kubectl'))
  const program = `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'src/cli/main.ts')}' "$@"\n`
  writeFileSync(join(directory, 'bin', 'nepenthes'), program, { mode: 0o755 })
  await bash('git init --quiet')
  base = await commit({
    'kustomization.yaml': 'resources: [billing.yaml]\nnamePrefix: acme-\n',
    'billing.yaml': webhookYaml('billing', 'url: https://old.example/hooks'),
  })
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('the workflow for pull requests', () => {
  it('installs the program, and runs in a shell that notices when a part of a pipe fails', () => {
    expect(install?.run).toMatch(/^npm install --global nepenthes-operator@/)
    expect(workflow.defaults.run.shell).toBe('bash')
  })

  it('passes a good change and shows it', async () => {
    await commit({ 'billing.yaml': webhookYaml('billing', 'url: https://new.example/hooks') })
    // None of them needs another to have run before.
    const done = await Promise.all(steps.map(({ run }) => bash(run)))
    expect(done.map(({ code }) => code)).toEqual([0, 0, 0])
    const summary = readFileSync(join(directory, 'summary.md'), 'utf8')
    expect(summary).toMatch(/```diff\n--- before\n\+\+\+ after\n[^]*```\n$/)
    expect(summary).toMatch(/^-\s+url: https:\/\/old.example\/hooks$/m)
    expect(summary).toMatch(/^\+\s+url: https:\/\/new.example\/hooks$/m)
    expect(summary).toContain('name: acme-billing')
  })

  it('refuses a bad one, at its line', async () => {
    await commit({ 'billing.yaml': webhookYaml('billing', 'hedaers: []') })
    const [validated, rendered] = await Promise.all([validate(), validateRendered()])
    expect(validated.code).toBe(1)
    expect(validated.stdout).toMatch(/^::error file=config\/billing.yaml,line=6,.*hedaers.*headers/m)
    expect(rendered.code).toBe(1)
  })

  it('refuses what only Kustomize makes wrong, and what it cannot render', async () => {
    const patch = 'patches: [{target: {kind: Webhook}, patch: "- {op: remove, path: /spec/events}"}]\n'
    await commit({ 'kustomization.yaml': `resources: [billing.yaml]\n${patch}` })
    mkdirSync(join(repository, 'unreadable'))
    writeFileSync(join(repository, 'unreadable', 'kustomization.yaml'), 'resources: [missing.yaml]\n')
    const done = await Promise.all([validate(), validateRendered(), validateRendered('unreadable')])
    expect(done.map(({ code }) => code)).toEqual([0, 1, 1])
  })
})
