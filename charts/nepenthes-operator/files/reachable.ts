// What `helm test` runs in the image, as a text: no import of ours is there. ADMIN and API are the addresses of the two Services.
export {}

const address = (name: string) => process.env[name] ?? ''
const ready = await fetch(`${address('ADMIN')}/readyz?verbose`)
const said = await ready.text()
if (ready.status !== 200) throw new Error(`the operator is not ready: ${said}`)

// Without a token the API answers 401, or 403 while it is switched off; in its own words either way.
const api = await fetch(`${address('API')}/api/v3`)
const type = api.headers.get('content-type') ?? ''
if (![200, 401, 403].includes(api.status) || !type.includes('hal+json'))
  throw new Error(`the API answers ${api.status} ${type}`)

console.log(`ready, and the API answers ${api.status}`)
