import type { FastifyInstance } from 'fastify'
import type { ApiContext } from './context.ts'
import { apiError, sendError } from './errors.ts'
import { escapeHtml } from './v3/representers/formats.ts'

/** Nothing but this page's own text: it loads no script, style or image from anywhere. */
const CSP = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

/** `/api/docs`: 404 unless `spec.docs.enabled`, and while the web service is off. */
export function docsRoutes(app: FastifyInstance, { snapshots }: ApiContext): void {
  app.get('/api/docs', { schema: { hide: true } }, (_request, reply) => {
    const { enabled, docs } = snapshots.current.api
    if (!enabled || !docs.enabled) return sendError(reply, apiError('NotFound'))
    return reply
      .header('content-security-policy', CSP)
      .header('content-type', 'text/html; charset=utf-8')
      .send(renderDocs(operations(app)))
  })
}

interface Operation {
  readonly method: string
  readonly path: string
  readonly summary: string
}

function operations(app: FastifyInstance): Operation[] {
  const { paths = {} } = app.swagger()
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries((item ?? {}) as Record<string, { summary?: string }>).map(([method, { summary = '' }]) => ({
      method: method.toUpperCase(),
      path,
      summary,
    })),
  )
}

function renderDocs(list: readonly Operation[]): string {
  const rows = list.map(
    ({ method, path, summary }) =>
      `<tr><td><code>${method}</code></td><td><code>${escapeHtml(path)}</code></td><td>${escapeHtml(summary)}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Nepenthes API</title></head>
<body>
<h1>Nepenthes API</h1>
<p>The whole description, for tools: <a href="/api/v3/spec.json">/api/v3/spec.json</a> (OpenAPI 3.1).</p>
<table>
<thead><tr><th>Method</th><th>Path</th><th>What it does</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
</body>
</html>
`
}
