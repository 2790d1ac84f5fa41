import { describe, expect, it } from 'vitest'
import type { ResourceRecord } from '../../src/storage/records.ts'
import type { StoreUnderTest } from './contract.ts'
import { NOON } from './samples.ts'

function resource(key: ResourceRecord['key'], parts: Partial<ResourceRecord> = {}): ResourceRecord {
  const spec = { url: 'https://a.example', events: ['project:created'], delivery: { timeoutSeconds: 5 } }
  const programmed = { programmedSpec: spec, programmedGeneration: 2, switchedOff: false, status: { conditions: [] } }
  return { key, origin: 'hooks.yaml', generation: 2, specHash: 'abc', ...programmed, createdAt: NOON, ...parts }
}

export function resourceContract(under: () => StoreUnderTest): void {
  describe('resources', () => {
    it('are kept, replaced and removed, across restarts', async () => {
      const { store, reopen } = under()
      const never = resource('Webhook/audit', { programmedSpec: null, programmedGeneration: null })
      await store.saveResources([resource('Webhook/billing'), never, resource('ApiSettings/default')], [])
      const newer = resource('Webhook/billing', { generation: 3, status: null, uid: 'of an object' })
      await store.saveResources([newer], ['ApiSettings/default'])
      expect(await store.resources()).toStrictEqual([never, newer])
      expect(await (await reopen()).resources()).toStrictEqual([never, newer])
    })
  })
}
