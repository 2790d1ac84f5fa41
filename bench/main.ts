/**
 * Every figure the design promises and this version has, each as medians of interleaved runs on one machine:
 *
 *   npm run bench [-- NAME ...]      NAME: see below
 *
 * See bench/README.md for what is measured and against what.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const BENCHES = {
  deliveries: ['dispatch-loop.ts'],
  peers: ['peers.ts'],
  isolation: ['isolation.ts'],
  latency: ['latency.ts'],
  'fan-out': ['fan-out.ts'],
  pending: ['pending.ts'],
  matching: ['matching.ts'],
  configuration: ['configuration.ts'],
  cluster: ['cluster.ts'],
  'api-reads': ['api-reads.ts'],
  'api-lists': ['api-lists.ts'],
  'api-preflight': ['api-preflight.ts'],
  'api-writes': ['api-writes.ts'],
  storage: ['storage.ts'],
} as const

const known = Object.keys(BENCHES) as (keyof typeof BENCHES)[]
const wanted = process.argv.length > 2 ? process.argv.slice(2) : known
const unknown = wanted.filter((name) => !known.includes(name as keyof typeof BENCHES))
if (unknown.length > 0) {
  process.stderr.write(`bench: there is no ${unknown.join(', ')}; there are ${known.join(', ')}\n`)
  process.exit(2)
}
for (const name of known.filter((candidate) => wanted.includes(candidate))) {
  process.stdout.write(`\n== ${name}\n`)
  const child = spawn(
    process.execPath,
    BENCHES[name].map((file) => join(import.meta.dirname, file)),
    { stdio: 'inherit' },
  )
  const end = () => void child.kill('SIGTERM')
  process.once('SIGTERM', end)
  const [code] = (await once(child, 'exit')) as [number | null]
  process.off('SIGTERM', end)
  if (code !== 0) process.exitCode = 1
  if (code === null) break
}
