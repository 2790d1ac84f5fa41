#!/usr/bin/env node
// Nothing may be imported here statically: an old Node.js would fail on what it does not know before it could say so.
const NODE_MAJOR_MIN = 24

/**
 * Looking up host names blocks a thread each, libuv lets look-ups take half of them, and the usual two are soon taken where name servers
 * keep silent. The pool is made with its first use, so this must come before anything is imported. See `dispatch/look-ups.ts`.
 */
const THREADS = 256
process.env['UV_THREADPOOL_SIZE'] = String(Math.max(THREADS, Number(process.env['UV_THREADPOOL_SIZE']) || 0))

if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR_MIN) {
  process.stderr.write(
    `nepenthes: this is Node.js ${process.versions.node}, but nepenthes needs Node.js ${NODE_MAJOR_MIN} or newer\n`,
  )
  process.exitCode = 1
} else {
  const { main } = await import('./program.ts')
  await main(process)
}

export {}
