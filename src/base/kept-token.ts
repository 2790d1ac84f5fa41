import { link, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, UserError } from './errors.ts'
import { SecretValue } from './secret.ts'

/**
 * The token kept in `directory/name`, or, when there is none, one made by `generate` and put there for its owner alone (0600). An
 * empty or unreadable file is refused rather than replaced: somebody may rely on it.
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
  await writeWhole(directory, name, `${token}\n`)
  return new SecretValue(token)
}

/** Written aside, made durable, then put in its place: whenever the process or the machine dies, the file is whole or not there. */
async function writeWhole(directory: string, name: string, text: string): Promise<void> {
  const aside = join(directory, `.${name}.new`)
  await unlink(aside).catch(() => undefined)
  const file = await open(aside, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await link(aside, join(directory, name))
  await unlink(aside)
  const parent = await open(directory, 'r')
  try {
    await parent.sync()
  } finally {
    await parent.close()
  }
}
