import { apiError, type ApiError } from '../../errors.ts'

/** What stands for now: clients that always send `timestamps` mean nothing by it. */
const NOW: readonly unknown[] = [undefined, '', 'PT0S', 'P0D']

/** Work packages are shown as they are: whoever asks how they were would take today's for it. */
export function refusePast({ timestamps }: Readonly<Record<string, unknown>>): ApiError | undefined {
  if (NOW.includes(timestamps)) return undefined
  return apiError('InvalidQuery', 'timestamps: only the present can be shown. Leave the property out, or write PT0S.')
}
