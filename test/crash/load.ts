import type { Program } from '../support/program.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { Kind, Ledger } from './ledger.ts'

export interface LoadOptions {
  readonly program: Program
  readonly ledger: Ledger
  readonly clients: number
  readonly random: SeededRandom
}

/**
 * Clients that write one thing after the other until the program answers no more. Each has a project and a work package of its
 * own, made first. Throws if anything is answered but 201.
 */
export async function load({ program, ledger, clients, random }: LoadOptions): Promise<void> {
  await Promise.all(Array.from({ length: clients }, (_, client) => write(client)))

  async function write(client: number): Promise<void> {
    const name = (i: number) => `run-${ledger.run}-client-${client}-${i}`
    const project = await create('project', client, name(0))
    const workPackage = project && (await post(`projects/${project}/work_packages`, { subject: 'Survive' }))
    for (let i = 1; workPackage !== undefined; i++) {
      const kind = random.pick(['project', 'time_entry'] as const)
      if ((await create(kind, client, name(i), workPackage)) === undefined) return
    }
  }

  async function create(kind: Kind, client: number, key: string, workPackage?: number): Promise<number | undefined> {
    const entry = ledger.issue(client, kind, key)
    const id =
      kind === 'project'
        ? await post('projects', projectOf(key))
        : await post('time_entries', entryOf(key, workPackage))
    if (id !== undefined) ledger.acknowledge(entry, id)
    return id
  }

  /** The id of what was made; undefined if the program died over it. */
  async function post(path: string, body: unknown): Promise<number | undefined> {
    const answer = await program.call('POST', `/api/v3/${path}`, body).catch(() => undefined)
    if (answer && answer.status !== 201) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.json)}`)
    return answer && Number(answer.json['id'])
  }
}

const projectOf = (key: string) => ({ name: key, identifier: key })

const entryOf = (key: string, workPackage: number | undefined) => ({
  spentOn: '2026-03-01',
  hours: 'PT1H',
  comment: { raw: key },
  _links: { entity: { href: `/api/v3/work_packages/${workPackage}` } },
})
