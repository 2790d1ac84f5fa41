import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { Webhook } from 'standardwebhooks'

/** A delivery whose signature held. */
export interface Received {
  readonly id: string
  readonly event: string
  readonly attempt: number
  readonly body: { readonly action: string } & Record<string, unknown>
}

/**
 * A receiver as its authors would write one: it keeps the raw body, verifies it with a stock Standard Webhooks library, answers
 * 2xx quickly, and knows a delivery it has seen by `webhook-id`.
 */
export async function startReceiver(
  port: number,
  secret: string,
  onReceived: (received: Received) => void,
): Promise<Server> {
  const webhook = new Webhook(secret)
  const server = createServer((request, response) => {
    void receive(webhook, request, response, onReceived)
  })
  server.listen(port, '127.0.0.1')
  // Rejects when the port is taken.
  await once(server, 'listening')
  return server
}

async function receive(
  webhook: Webhook,
  request: IncomingMessage,
  response: ServerResponse,
  onReceived: (received: Received) => void,
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const raw = Buffer.concat(chunks).toString('utf8')
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  try {
    const body = webhook.verify(raw, headers) as Received['body']
    onReceived({
      id: headers['webhook-id'] ?? '',
      event: headers['x-nepenthes-event'] ?? '',
      attempt: Number(headers['x-nepenthes-attempt']),
      body,
    })
    response.writeHead(204).end()
  } catch {
    response.writeHead(401, { 'content-type': 'text/plain' }).end('the signature does not hold\n')
  }
}
