/** No object of a cluster is larger than 1.5 MiB in its store; as JSON it may be a little more. */
const LINE_MAX = 4 * 1024 * 1024

/**
 * The events of a watch: one JSON object a line, cut into chunks anywhere. Yields what each chunk completed. An incomplete last line
 * is dropped: the watch is opened again at the version before it. Throws on a line that is no JSON or does not end.
 */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<unknown[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let tail = ''
  for await (const chunk of body) {
    const lines = (tail + decoder.decode(chunk, { stream: true })).split('\n')
    tail = lines.pop() ?? ''
    if (tail.length > LINE_MAX) throw new Error('a line of the watch does not end')
    const events = lines.filter((line) => line.trim() !== '').map((line): unknown => JSON.parse(line))
    if (events.length > 0) yield events
  }
}
