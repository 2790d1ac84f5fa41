#!/usr/bin/env node
// Nothing may be imported here statically: an old Node.js would fail on what it does not know before it could say so.
const NODE_MAJOR_MIN = 24

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
