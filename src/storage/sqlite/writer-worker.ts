/** Entry of the writer thread: groups in, results out, until it is told to close. */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import { checkpoint, openWriter } from './pragmas.ts'
import type { FromWriter, ToWriter, WriterData } from './wire.ts'
import { createWriter } from './writer.ts'

assert(parentPort !== null, 'the writer runs in a worker thread')
const port = parentPort
const data = workerData as WriterData
const db = openWriter(data.file, data)
const applyGroup = createWriter(db)
const answer = (message: FromWriter) => port.postMessage(message)

port.on('message', (message: ToWriter) => {
  if (message === 'checkpoint') {
    checkpoint(db)
    return answer('checkpointed')
  }
  if (message !== 'close') return answer(applyGroup(message))
  db.close() // the last connection copies the log back as it goes
  answer('closed')
  port.close()
})
answer('ready')
