import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

/** The log is copied back, and begun anew, every thirty of these or so. */
const ACKNOWLEDGED = 150
const COMMITTER = join(import.meta.dirname, 'committer.ts')
/** Not on every machine; where it is, `ptrace` may be forbidden. */
const canTrace = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0

describe.skipIf(!canTrace)('the order of system calls that power.ts takes for granted', { timeout: 60_000 }, () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'nepenthes-strace-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  it('nothing is acknowledged, copied back or written over before what it rests on is on disk', async () => {
    const seen = judge(await trace())
    expect(seen.early).toEqual([])
    expect(seen.acknowledged).toBeGreaterThanOrEqual(ACKNOWLEDGED)
    expect(seen.copiedBack, 'the log was copied back').toBeGreaterThan(0)
    expect(seen.begunAnew, 'the log was begun anew').toBeGreaterThan(0)
  })

  it.each(['NORMAL', 'OFF'])('it is not kept with synchronous=%s', async (synchronous) => {
    const early = judge(await trace(synchronous)).early.filter((line) => line.includes('acknowledged evt_'))
    expect(early.length).toBeGreaterThan(ACKNOWLEDGED / 2)
  })

  /** The system calls of a store at work, until it had acknowledged enough. */
  async function trace(...synchronous: string[]): Promise<string[]> {
    const [data, out] = [join(root, 'data'), join(root, 'trace')]
    const calls = 'trace=write,pwrite64,fsync,fdatasync'
    const child = spawn(
      'strace',
      [
        '-f',
        '-y',
        '-qq',
        '-s',
        '40',
        '-e',
        calls,
        '-e',
        'signal=none',
        '-o',
        out,
        process.execPath,
        COMMITTER,
        data,
        ...synchronous,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const exit = once(child, 'exit')
    let acknowledged = 0
    for await (const _ of createInterface({ input: child.stdout })) {
      if (++acknowledged === ACKNOWLEDGED) process.kill(holderOf(data), 'SIGKILL')
    }
    await exit
    return readFileSync(out, 'utf8').split('\n')
  }
})

function holderOf(data: string): number {
  return (JSON.parse(readFileSync(join(data, 'lock.json'), 'utf8')) as { pid: number }).pid
}

type File = 'db' | 'wal'

/** One line: `PID call(FD<PATH>, ...) = RESULT`. A call another thread comes between ends in `<unfinished ...>`, and is resumed later. */
interface Call {
  readonly line: string
  readonly pid: string
  readonly kind: 'acknowledge' | 'sync' | 'write' | 'other'
  readonly file: File | undefined
  readonly unfinished: boolean
}

function readCall(line: string): Call {
  const [, pid = '', name = '', path = ''] = /^(\d+) +(?:<\.\.\. )?(\w+)(?:\(\d+<([^>]*)>)?/.exec(line) ?? []
  const kinds = { fsync: 'sync', fdatasync: 'sync', pwrite64: 'write' } as const
  const kind = line.includes('"acknowledged evt_') ? 'acknowledge' : (kinds[name as keyof typeof kinds] ?? 'other')
  const files = { 'nepenthes.db': 'db', 'nepenthes.db-wal': 'wal' } as const
  const file = files[basename(path) as keyof typeof files]
  return { line, pid, kind, file, unfinished: line.endsWith('<unfinished ...>') }
}

interface Seen {
  acknowledged: number
  copiedBack: number
  begunAnew: number
  /** Calls made before what they rest on was on disk. */
  readonly early: string[]
}

function judge(lines: readonly string[]): Seen {
  const seen: Seen = { acknowledged: 0, copiedBack: 0, begunAnew: 0, early: [] }
  const dirty = { db: false, wal: false }
  let headerDirty = false
  const syncing = new Map<string, File>()
  const restsOn = (file: File, line: string) => {
    if (dirty[file]) seen.early.push(line)
  }
  const onWrite = (file: File, line: string) => {
    const atStart = file === 'wal' && /, 32, 0(\)| <unfinished)/.test(line)
    if (file === 'db') restsOn('wal', line)
    if (atStart) restsOn('db', line)
    // A new header stands alone on disk before a frame is written behind it.
    if (!atStart && file === 'wal' && headerDirty) seen.early.push(line)
    if (file === 'db' && !dirty.db) seen.copiedBack += 1
    if (atStart) seen.begunAnew += 1
    dirty[file] = true
    headerDirty ||= atStart
  }
  const onSync = ({ pid, file = syncing.get(pid), unfinished, line }: Call) => {
    syncing.delete(pid)
    if (file && unfinished) syncing.set(pid, file)
    else if (file && line.endsWith('= 0')) {
      dirty[file] = false
      if (file === 'wal') headerDirty = false
    }
  }
  for (const call of lines.map(readCall)) {
    if (call.kind === 'acknowledge') {
      seen.acknowledged += 1
      restsOn('wal', call.line)
    } else if (call.kind === 'sync') onSync(call)
    else if (call.kind === 'write' && call.file) onWrite(call.file, call.line)
  }
  return seen
}
