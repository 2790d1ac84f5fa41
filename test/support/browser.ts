import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { chromium, type Browser } from 'playwright-core'

const PACKAGE = '@sparticuz/chromium'

/**
 * No more than this: the package's own list of arguments holds `--disable-web-security`, under which every page may read
 * every answer and no test of cross-origin rules can fail.
 */
const ARGUMENTS = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync']

/** A real browser, with a home of its own; close it. */
export async function launchBrowser(): Promise<{ browser: Browser; close(): Promise<void> }> {
  const tools = unpacked()
  const home = mkdtempSync(join(tmpdir(), 'nepenthes-browser-'))
  const browser = await chromium.launch({
    executablePath: join(tools, 'chromium'),
    args: ARGUMENTS,
    env: {
      HOME: home,
      TMPDIR: home,
      LD_LIBRARY_PATH: join(tools, 'al2023', 'lib'),
      FONTCONFIG_FILE: fontConfiguration(tools, home),
    },
  })
  return {
    browser,
    async close() {
      await browser.close()
      rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** The fonts that come with the browser, wherever it was unpacked to: without any it ends as soon as it has text to draw. */
function fontConfiguration(tools: string, home: string): string {
  const file = join(home, 'fonts.conf')
  const places = `<dir>${join(tools, 'fonts')}</dir><cachedir>${join(home, 'fonts')}</cachedir>`
  writeFileSync(file, `<?xml version="1.0"?><fontconfig>${places}</fontconfig>`)
  return file
}

/** The directory with the browser and the libraries it needs, unpacked from the dev dependency once per machine and version. */
function unpacked(): string {
  const manifest = join(dirname(createRequire(import.meta.url).resolve(PACKAGE)), '..', 'package.json')
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  const cache = join(tmpdir(), `nepenthes-test-browser-${version}-${process.getuid?.() ?? 0}`)
  if (!existsSync(cache)) unpack(cache)
  return cache
}

/** By a process of its own: the package unpacks into the directory for temporary files, and changes its environment. */
function unpack(cache: string): void {
  const aside = mkdtempSync(`${cache}-`)
  const script = `import chromium from '${PACKAGE}'; await chromium.executablePath()`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    env: { TMPDIR: aside, AWS_LAMBDA_JS_RUNTIME: 'nodejs22.x' },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`cannot unpack the browser: ${stderr}`)
  try {
    renameSync(aside, cache)
  } catch {
    // Another test process was quicker.
    rmSync(aside, { recursive: true })
  }
}
