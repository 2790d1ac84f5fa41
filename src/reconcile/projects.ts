import type { RecordReader } from '../storage/store.ts'

const ID = /^[1-9]\d{0,14}$/

/** Whether an entry of a project selection, an identifier or an id, matches a project now. */
export function projectLookup(store: Pick<RecordReader, 'get' | 'find'>): (entry: string) => Promise<boolean> {
  return async (entry) => {
    if (ID.test(entry) && (await store.get('projects', Number(entry)))) return true
    const project = await store.find('projects', 'identifier', entry)
    // Routing compares identifiers exactly, the store's unique columns without case.
    return project?.identifier === entry
  }
}
