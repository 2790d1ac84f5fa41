import { Type, type Static } from 'typebox'

/** Schema of `ApiSettings.spec`. Defaults live in `effectiveApiSettings`, never in the stored object. */
export const apiSettingsSpecSchema = Type.Object(
  {
    enabled: Type.Optional(
      Type.Boolean({
        description: 'The REST web service. Off: /api/v3 and /oauth answer 403, preflights as ever. Default: true.',
      }),
    ),
    maxPageSize: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: 'The most elements the API returns on one page. Default: 1000.',
      }),
    ),
    docs: Type.Optional(
      Type.Object(
        { enabled: Type.Optional(Type.Boolean({ description: 'The interactive page at /api/docs. Default: false.' })) },
        { additionalProperties: false, description: 'The interactive documentation page.' },
      ),
    ),
    cors: Type.Optional(
      Type.Object(
        {
          enabled: Type.Optional(
            Type.Boolean({ description: 'Whether browsers on other origins may use the API. Default: false.' }),
          ),
          allowedOrigins: Type.Optional(
            Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
              maxItems: 100,
              'x-kubernetes-list-type': 'set',
              description:
                'Exact origins, http(s)://host[:port], in canonical form: no path, no trailing slash, no wildcard. Default: none.',
            }),
          ),
        },
        {
          additionalProperties: false,
          description: 'Cross-origin resource sharing for /api/v3 and /oauth (except /oauth/authorize).',
        },
      ),
    ),
  },
  { additionalProperties: false, description: 'The desired settings of the API.' },
)

export type ApiSettingsSpec = Static<typeof apiSettingsSpecSchema>

/** An ApiSettings spec with every default applied: what the API runs with. */
export interface EffectiveApiSettings {
  readonly enabled: boolean
  readonly maxPageSize: number
  readonly docs: { readonly enabled: boolean }
  readonly cors: { readonly enabled: boolean; readonly allowedOrigins: readonly string[] }
}

export function effectiveApiSettings(spec: ApiSettingsSpec): EffectiveApiSettings {
  return {
    enabled: spec.enabled ?? true,
    maxPageSize: spec.maxPageSize ?? 1000,
    docs: { enabled: spec.docs?.enabled ?? false },
    cors: { enabled: spec.cors?.enabled ?? false, allowedOrigins: spec.cors?.allowedOrigins ?? [] },
  }
}
