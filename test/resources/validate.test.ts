import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { schemaCommand } from '../../src/cli/schema.ts'
import { validateCommand } from '../../src/cli/validate.ts'
import { combinedSchema, editorSchema } from '../../src/resources/editor-schema.ts'

const VALID = `apiVersion: nepenthes.dev/v1
kind: Webhook
metadata: {name: a}
spec: {url: "https://a.example", events: ["project:created"]}
`
const BROKEN = VALID.replace('name: a', 'name: b').replace('project:created', 'project:create')

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'nepenthes-validate-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

function put(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
}

async function validate(paths: readonly string[], output = 'text', stdin: readonly string[] = []) {
  let stdout = ''
  let stderr = ''
  const exitCode = await validateCommand(
    paths.map((path) => (path === '-' ? path : `${directory}/${path}`)),
    {
      output,
      stdout: (text) => (stdout += text),
      stderr: (text) => (stderr += text),
      stdin: () => Readable.from(stdin.map((text) => Buffer.from(text))),
    },
  )
  return { exitCode, stdout: stdout.replaceAll(directory, 'DIR'), stderr: stderr.replaceAll(directory, 'DIR') }
}

describe('nepenthes validate', () => {
  test('prints place, message, code and hint, then a summary', async () => {
    put({ 'a.yaml': VALID, 'b.yaml': BROKEN })
    expect(await validate(['.'])).toEqual({
      exitCode: 1,
      stdout: `DIR/b.yaml:4:43: spec.events[0]: "project:create" is not an event [UnknownEvent]
    Did you mean project:created?
2 resources in 2 files: 1 problem
`,
      stderr: '',
    })
  })

  test('says so when all is valid; notices go to standard error', async () => {
    put({ 'a.yaml': VALID.replace('https', 'http') })
    expect(await validate(['a.yaml'])).toEqual({
      exitCode: 0,
      stdout: '1 resource in 1 file: all valid\n',
      stderr:
        'warning: DIR/a.yaml:4:13: spec.url: deliveries travel unencrypted over http [InsecureUrl]\n    Use https if the receiver can.\n',
    })
  })

  test('prints JSON with exactly the fields promised, and no notices', async () => {
    put({ 'b.yaml': BROKEN.replace('https', 'http') })
    const { exitCode, stdout, stderr } = await validate(['b.yaml'], 'json')
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' })
    expect(JSON.parse(stdout)).toStrictEqual([
      {
        file: 'DIR/b.yaml',
        line: 4,
        column: 42,
        path: 'spec.events[0]',
        code: 'UnknownEvent',
        message: '"project:create" is not an event',
        hint: 'Did you mean project:created?',
      },
    ])
    put({ 'b.yaml': VALID })
    expect(await validate(['b.yaml'], 'json')).toEqual({ exitCode: 0, stdout: '[]\n', stderr: '' })
  })

  test('prints annotations for GitHub, escaped', async () => {
    put({ 'a,b%.yaml': BROKEN.replace('https', 'http').replace('{name: b}', '{name: b, namespace: x}') })
    const { stdout } = await validate(['a,b%.yaml'], 'github')
    expect(stdout.split('\n')).toEqual([
      '::error file=DIR/a%2Cb%25.yaml,line=4,col=42,title=UnknownEvent::spec.events[0]: "project:create" is not an event. Did you mean project:created?',
      '::notice file=DIR/a%2Cb%25.yaml,line=3,col=21,title=NamespaceIgnored::metadata.namespace: is ignored in a file: a directory is one environment',
      '::warning file=DIR/a%2Cb%25.yaml,line=4,col=13,title=InsecureUrl::spec.url: deliveries travel unencrypted over http. Use https if the receiver can.',
      '',
    ])
  })

  test('takes all paths as one environment, each file once', async () => {
    put({ 'a/x.yaml': VALID, 'b/x.yaml': VALID })
    expect((await validate(['a', 'a/x.yaml'])).exitCode).toBe(0)
    const { stdout } = await validate(['b', 'a'])
    expect(stdout).toContain(
      'DIR/b/x.yaml:1:1: metadata.name: Webhook/a is already defined at DIR/a/x.yaml:1 [DuplicateResource]',
    )
  })

  test('takes a file named twice as one, however it is spelt', async () => {
    put({ 'a/x.yaml': VALID })
    symlinkSync('a', join(directory, 'same'))
    const paths = ['a/x.yaml', './a//x.yaml', 'a/../a/x.yaml', 'same/x.yaml', 'same', 'a', '.']
    expect(await validate(paths)).toEqual({ exitCode: 0, stdout: '1 resource in 1 file: all valid\n', stderr: '' })
  })

  test('takes a link beside its target as a second file, as the operator does', async () => {
    put({ 'a/x.yaml': VALID })
    symlinkSync('x.yaml', join(directory, 'a', 'y.yaml'))
    expect((await validate(['a'])).stdout).toContain('DIR/a/y.yaml:1:1: metadata.name: Webhook/a is already defined')
  })

  test('reads standard input, in pieces, once', async () => {
    put({ 'a.yaml': VALID })
    const pieces = [BROKEN.slice(0, 40), BROKEN.slice(40)]
    expect(await validate(['-', 'a.yaml', '-'], 'text', pieces)).toEqual({
      exitCode: 1,
      stdout: `<stdin>:4:43: spec.events[0]: "project:create" is not an event [UnknownEvent]
    Did you mean project:created?
2 resources in 2 files: 1 problem
`,
      stderr: '',
    })
  })

  test('does not read standard input to its end if that is too far', async () => {
    let read = 0
    const endless = function* () {
      for (;;) yield Buffer.alloc(65_536, `# ${read++}\n`)
    }
    const options = { output: 'json', stderr: () => undefined, stdin: () => Readable.from(endless()) }
    let stdout = ''
    expect(await validateCommand(['-'], { ...options, stdout: (text) => (stdout += text) })).toBe(1)
    expect(stdout).toContain('at most 1048576 (1 MiB) are read')
    expect(read).toBeLessThan(50)
  })

  test('walks directories: YAML and JSON, links followed, hidden names left out', async () => {
    put({
      'c/a.yaml': VALID,
      'c/deep/b.yml': BROKEN,
      'c/c.json': '{"kind": "Webhook"}',
      'c/README.md': '"',
      'c/.git/x.yaml': '"',
    })
    // As Kubernetes mounts a ConfigMap.
    put({ 'c/..2030/m.yaml': BROKEN.replace('name: b', 'name: m') })
    symlinkSync('..2030', join(directory, 'c', '..data'))
    symlinkSync('..data/m.yaml', join(directory, 'c', 'm.yaml'))
    symlinkSync('.', join(directory, 'c', 'loop'))
    const { stdout } = await validate(['c'], 'json')
    expect((JSON.parse(stdout) as { file: string }[]).map(({ file }) => file)).toEqual([
      'DIR/c/c.json',
      'DIR/c/deep/b.yml',
      'DIR/c/m.yaml',
    ])
  })

  test('checks a file that is named whatever its extension', async () => {
    put({ 'webhook.txt': BROKEN })
    expect((await validate(['webhook.txt'])).exitCode).toBe(1)
  })

  test('tells what cannot be read, and what is too large to be', async () => {
    put({ 'large.yaml': '', 'a.yaml': VALID })
    truncateSync(join(directory, 'large.yaml'), 3 * 1024 ** 3)
    symlinkSync('nowhere.yaml', join(directory, 'link.yaml'))
    mkdirSync(join(directory, 'locked'))
    chmodSync(join(directory, 'locked'), 0)
    const { exitCode, stdout } = await validate(['.'], 'json')
    const problems = JSON.parse(stdout) as { file: string; code: string }[]
    // Root may read everything.
    const locked = process.getuid?.() === 0 ? [] : ['DIR/locked Unreadable']
    expect(exitCode).toBe(1)
    expect(problems.map(({ file, code }) => `${file} ${code}`)).toEqual([
      'DIR/large.yaml Unparsable',
      'DIR/link.yaml Unreadable',
      ...locked,
    ])
  })

  test('2 is wrong usage', async () => {
    put({ 'a.yaml': VALID })
    expect(await validate([])).toMatchObject({ exitCode: 2, stdout: '' })
    expect(await validate(['a.yaml'], 'xml')).toMatchObject({ exitCode: 2, stdout: '' })
    expect(await validate(['a.yaml', 'none.yaml', 'a.yaml/b'])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'nepenthes validate: no such file or directory: DIR/none.yaml, DIR/a.yaml/b\n',
    })
  })
})

describe('nepenthes schema', () => {
  async function schema(kind?: string) {
    let stdout = ''
    let stderr = ''
    const exitCode = await schemaCommand(kind, {
      stdout: (text) => (stdout += text),
      stderr: (text) => (stderr += text),
    })
    return { exitCode, stdout, stderr }
  }

  test('prints that of a kind by any of its names, or of all', async () => {
    for (const name of ['Webhook', 'webhooks', 'nwh']) {
      const { exitCode, stdout } = await schema(name)
      expect(exitCode).toBe(0)
      expect(JSON.parse(stdout)).toEqual(editorSchema('Webhook'))
    }
    expect(JSON.parse((await schema()).stdout)).toEqual(combinedSchema())
  })

  test('2 is an unknown kind', async () => {
    expect(await schema('secret')).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'nepenthes schema: there is no kind "secret", only ApiSettings and Webhook\n',
    })
  })
})
