/** A request as the server understood it. */
export interface LoggedRequest {
  /** As in RBAC: get, list, watch, create, update, patch, delete, deletecollection; the method in lower case elsewhere. */
  readonly verb: string
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly group: string
  /** Plural; empty for what is no resource. */
  readonly resource: string
  readonly namespace: string | undefined
  readonly name: string
  readonly subresource: string | undefined
  readonly user: string
  readonly userAgent: string
  readonly contentType: string
  readonly atMs: number
  /** The status of the answer; undefined while there is none. */
  status: number | undefined
}

export interface RequestLog {
  readonly all: readonly LoggedRequest[]
  /** How many there were, of a verb and resource (`webhooks`, `webhooks/status`) where given. */
  count(verb?: string, resource?: string): number
  clear(): void
}

export interface RequestRecorder extends RequestLog {
  record(request: LoggedRequest): void
}

export function createRequestLog(): RequestRecorder {
  let all: LoggedRequest[] = []
  return {
    get all() {
      return all
    },
    count: (verb, resource) =>
      all.filter((one) => (verb ?? one.verb) === one.verb && (resource ?? fullResource(one)) === fullResource(one))
        .length,
    clear() {
      all = []
    },
    record: (request) => void all.push(request),
  }
}

const fullResource = ({ resource, subresource }: LoggedRequest) =>
  subresource === undefined ? resource : `${resource}/${subresource}`
