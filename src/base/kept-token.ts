import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, UserError } from './errors.ts'
import { SecretValue } from './secret.ts'

/**
 * The token kept in `directory/name`, or, when there is none, one made by `generate` and written there for its owner alone (0600).
 * An empty or unreadable file is refused rather than replaced: somebody may rely on it.
 */
export async function keepToken(directory: string, name: string, generate: () => string): Promise<SecretValue> {
  const file = join(directory, name)
  try {
    const text = (await readFile(file, 'utf8')).trim()
    if (text === '') throw new UserError(`${file} is empty: delete it to have a new token made, or put one in`)
    return new SecretValue(text)
  } catch (thrown) {
    if (errorCode(thrown) !== 'ENOENT') throw thrown
  }
  const token = generate()
  await writeFile(file, `${token}\n`, { mode: 0o600, flag: 'wx' })
  return new SecretValue(token)
}
