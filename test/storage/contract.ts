import { afterEach, beforeEach, describe } from 'vitest'
import type { PendingDelivery } from '../../src/storage/records.ts'
import type { Store } from '../../src/storage/store.ts'
import { deliveryContract } from './contract-deliveries.ts'
import { pruneContract } from './contract-prune.ts'
import { recordContract } from './contract-records.ts'
import { resourceContract } from './contract-resources.ts'
import { searchContract } from './contract-searches.ts'
import { writeContract } from './contract-writes.ts'

/** A place where stores can be opened one after the other, each finding what the one before left. */
export interface Place {
  open(): Promise<Store>
  remove(): Promise<void>
}

export interface StoreUnderTest {
  readonly store: Store
  /** All deliveries handed over so far, in the order they came. */
  readonly handed: PendingDelivery[]
  /** Closes the store and opens it again. */
  readonly reopen: () => Promise<Store>
}

/** What every store must do, whatever it is made of. `place` is called once per test. */
export function storeContract(name: string, place: () => Promise<Place>): void {
  describe(`${name} as a store`, () => {
    let under: StoreUnderTest & { store: Store }
    let here: Place

    const open = async () => {
      const store = await here.open()
      store.onDeliveries((deliveries) => void under.handed.push(...deliveries))
      return store
    }

    beforeEach(async () => {
      here = await place()
      const reopen = async () => {
        await under.store.close()
        return (under.store = await open())
      }
      under = { handed: [], reopen, store: undefined as unknown as Store }
      under.store = await open()
    })

    afterEach(async () => {
      await under.store.close()
      await here.remove()
    })

    recordContract(() => under)
    searchContract(() => under)
    writeContract(() => under)
    deliveryContract(() => under)
    pruneContract(() => under)
    resourceContract(() => under)
  })
}
