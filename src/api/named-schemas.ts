/** JSON, as the OpenAPI document is made of. */
type Json = Readonly<Record<string, unknown>>

/**
 * The same document with every schema that has a title told once, under `components.schemas`, and referred to wherever it
 * was: a third of the size, and generated clients get types with names. Different schemas of one title are numbered.
 */
export function nameSchemas<D extends object>(document: D): D {
  const named = new Map<string, { readonly name: string; readonly schema: Json }>()
  const name = (schema: Json): Json => {
    const key = JSON.stringify(schema)
    const known = named.get(key) ?? { name: freeName(String(schema['title']), [...named.values()]), schema }
    named.set(key, known)
    return { $ref: `#/components/schemas/${known.name}` }
  }
  const { paths, components, ...rest } = document as { paths?: unknown; components?: Json }
  const short = replaceTitled(paths, name)
  const schemas = Object.fromEntries([...named.values()].map((entry) => [entry.name, entry.schema]))
  return { ...rest, paths: short, components: { ...components, schemas } } as unknown as D
}

/** From the inside out, so that a named schema refers to others. */
function replaceTitled(value: unknown, name: (schema: Json) => Json): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => replaceTitled(item, name))
  const entries = Object.entries(value).map(([key, inner]) => [key, replaceTitled(inner, name)] as const)
  const replaced = Object.fromEntries(entries)
  return replaced['type'] === 'object' && typeof replaced['title'] === 'string' ? name(replaced) : replaced
}

function freeName(title: string, taken: readonly { readonly name: string }[]): string {
  const names = taken.map((entry) => entry.name)
  if (!names.includes(title)) return title
  let number = 2
  while (names.includes(`${title}${number}`)) number += 1
  return `${title}${number}`
}
