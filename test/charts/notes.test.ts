import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { parseFile } from '../../src/resources/parse.ts'
import { CHART, renderChart, runHelm } from '../support/helm.ts'
import { MATRIX } from './values-matrix.ts'

/** What helm tells whoever installed these values. */
async function notesOf(values: unknown): Promise<string> {
  const args = ['install', 'nepenthes', CHART, '--namespace', 'projects', '--dry-run=client', '-f', '-']
  const { code, stdout, stderr } = await runHelm(args, { values })
  expect(code, stderr).toBe(0)
  return /^NOTES:\n([^]*)/m.exec(stdout)?.[1] ?? ''
}

describe('what helm says after installing', () => {
  it.each([
    [
      'nothing given',
      ['port-forward service/nepenthes-nepenthes-operator 8080:80', 'fs.readFileSync("/data/api-token"'],
    ],
    ['resources given', ['kubectl -n projects get webhooks']],
    ['an Ingress', ['https://projects.example.com/api/v3']],
    ['a Gateway', ['https://projects.example.com/api/v3']],
    ['every setting', ['get secret tokens -o go-template=\'{{index .data "api" | base64decode}}\'']],
    ['no volume', ['WARNING: persistence.enabled is false']],
    ['names of their own', ['rollout status statefulset/projects-api']],
  ])('with %s leads on', async (name, texts) => {
    const notes = await notesOf(MATRIX[name])
    for (const text of texts) expect(notes).toContain(text)
    expect(notes).toContain('helm test nepenthes -n projects')
    expect(notes).not.toMatch(/<no value>|%!|\{\{-|\n\n\n/)
  })

  it('warns of no public URL only where there is none, and of no volume likewise', async () => {
    const [bare, full] = await Promise.all([notesOf({}), notesOf(MATRIX['every setting'])])
    expect(bare).toContain('config.publicUrl is not set')
    expect(full).not.toContain('publicUrl')
    expect(bare).not.toContain('WARNING')
  })

  it('shows a webhook that is valid', async () => {
    const [, text = ''] = /<<'END'\n([^]*?)\n\s*END/.exec(await notesOf({})) ?? []
    const { documents, problems } = parseFile(Buffer.from(text.replaceAll(/^ {5}/gm, '')), 'notes.yaml')
    expect(problems).toEqual([])
    expect(documents.map((document) => [document.key, document.problems])).toEqual([['Webhook/first', []]])
  })
})

describe("the chart's README", () => {
  it('shows values that the chart takes', async () => {
    const [, text = ''] = /```yaml\n([^]*?)```/.exec(readFileSync(join(CHART, 'README.md'), 'utf8')) ?? []
    const kinds = (await renderChart(parse(text))).map(({ kind }) => kind)
    expect(kinds).toEqual(expect.arrayContaining(['Ingress', 'Webhook', 'ApiSettings']))
  })
})
