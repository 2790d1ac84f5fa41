/** Entry of the writer thread: groups in, results out, until it is told to close. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import { checkpoint, logCopier, openWriter } from './pragmas.ts'
import type { FromWriter, ToWriter, WireSet, WriterData } from './wire.ts'
import { createWriter } from './writer.ts'

assert(parentPort !== null, 'the writer runs in a worker thread')
const port = parentPort
const data = workerData as WriterData
const db = openWriter(data.file, data)
const applyGroup = createWriter(db)
const copyBack = logCopier(db)
const answer = (message: FromWriter) => port.postMessage(message)

/** Does what it is told, with all that has come meanwhile; what comes next, if anything has. */
function handle(message: ToWriter): ToWriter | undefined {
  if (message === 'checkpoint') {
    checkpoint(db)
    answer('checkpointed')
    return received()
  }
  if (message === 'close') {
    db.close() // the last connection copies the log back as it goes
    answer('closed')
    port.close()
    return undefined
  }
  const group = [...message]
  let next = received()
  for (; Array.isArray(next); next = received()) group.push(...(next as readonly WireSet[]))
  answer(applyGroup(group))
  copyBack()
  return next
}

function received(): ToWriter | undefined {
  return receiveMessageOnPort(port)?.message as ToWriter | undefined
}

port.on('message', (message: ToWriter) => {
  for (let next: ToWriter | undefined = message; next !== undefined;) next = handle(next)
})
answer('ready')
