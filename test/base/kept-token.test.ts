import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keepToken } from '../../src/base/kept-token.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'nepenthes-token-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const keep = (text = 'made') => keepToken(directory, 'api-token', () => text)

describe('a kept token', () => {
  it('is made once, for its owner alone, and leaves nothing else behind', async () => {
    expect((await keep('first')).reveal()).toBe('first')
    expect((await keep('second')).reveal()).toBe('first')
    expect(statSync(join(directory, 'api-token')).mode & 0o777).toBe(0o600)
    expect(readdirSync(directory)).toEqual(['api-token'])
  })

  it('is made although an earlier start died while making it', async () => {
    writeFileSync(join(directory, '.api-token.new'), 'hal')
    expect((await keep('whole')).reveal()).toBe('whole')
    expect(readFileSync(join(directory, 'api-token'), 'utf8')).toBe('whole\n')
  })

  it('that somebody emptied is not replaced behind their back', async () => {
    writeFileSync(join(directory, 'api-token'), '\n')
    await expect(keep()).rejects.toThrow(/api-token is empty: delete it/)
  })
})
