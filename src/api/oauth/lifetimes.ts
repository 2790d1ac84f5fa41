/** As the original's. A refresh token lasts until it is used, revoked, or its user has allowed the application much more since. */
export const CODE_MS = 600_000
export const ACCESS_TOKEN_SECONDS = 7_200

/** The only scope there is: all that the user may. */
export const SCOPE = 'api_v3'
