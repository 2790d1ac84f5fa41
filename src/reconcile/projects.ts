import type { RecordReader } from '../storage/store.ts'

const ID = /^[1-9]\d{0,14}$/

/** The entries of a project selection (identifiers or ids) that match no project now. Each entry is looked up once per call set. */
export function projectLookup(
  store: Pick<RecordReader, 'get' | 'find'>,
): (entries: readonly string[]) => Promise<readonly string[]> {
  return async (entries) => {
    const unmatched: string[] = []
    for (const entry of entries) {
      if (!(await projectExists(store, entry))) unmatched.push(entry)
    }
    return unmatched
  }
}

async function projectExists(store: Pick<RecordReader, 'get' | 'find'>, entry: string): Promise<boolean> {
  if (ID.test(entry) && (await store.get('projects', Number(entry)))) return true
  const project = await store.find('projects', 'identifier', entry)
  // Routing compares identifiers exactly, the store's unique columns without case.
  return project?.identifier === entry
}
