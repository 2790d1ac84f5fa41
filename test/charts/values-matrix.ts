const WEBHOOK = { url: 'https://billing.example.com/hooks', events: ['time_entry:created'] }

/** Values that people give, each turning on or off what others leave alone. */
export const MATRIX: Readonly<Record<string, unknown>> = {
  'nothing given': {},
  'resources given': {
    apiSettings: { spec: { maxPageSize: 500, cors: { enabled: true, allowedOrigins: ['https://app.example.com'] } } },
    webhooks: {
      billing: {
        ...WEBHOOK,
        signature: { secretKeyRef: { name: 'billing-webhook', key: 'secret' } },
        projects: ['12', 'consulting'],
        headers: [{ name: 'X-Tenant', value: 'acme' }],
        delivery: { ordering: 'Strict', maxAttempts: 3 },
      },
      chat: { events: ['project:created'], urlFrom: { secretKeyRef: { name: 'chat', key: 'url' } }, enabled: false },
    },
  },
  'resources from elsewhere': { apiSettings: { create: false } },
  'names of their own': { nameOverride: 'edge', fullnameOverride: 'projects-api', commonLabels: { team: 'web' } },
  'a long name': { fullnameOverride: 'a-name-as-long-as-the-schema-allows-it-to-be-50-x' },
  'an image by digest': {
    image: { repository: 'mirror/nepenthes', digest: `sha256:${'0'.repeat(64)}`, pullPolicy: 'Always' },
    imagePullSecrets: [{ name: 'registry' }],
  },
  'every setting': {
    config: {
      publicUrl: 'https://projects.example.com',
      allowAddresses: ['10.20.0.0/16', 'fd00::/8'],
      deliveryLog: { days: 7, size: '512MiB' },
      logLevel: 'debug',
    },
    auth: {
      apiToken: { existingSecret: 'tokens', key: 'api' },
      adminToken: { existingSecret: 'tokens', key: 'admin' },
    },
    extraEnv: [{ name: 'NODE_OPTIONS', value: '--max-old-space-size=512' }],
  },
  'no volume': { persistence: { enabled: false } },
  'a volume there already': { persistence: { existingClaim: 'nepenthes-data' } },
  'a volume of choice': {
    persistence: {
      size: '20Gi',
      storageClassName: 'fast',
      accessMode: 'ReadWriteOncePod',
      annotations: { 'backup.example.com/schedule': 'daily' },
    },
  },
  'an Ingress': {
    ingress: {
      enabled: true,
      className: 'nginx',
      hosts: ['projects.example.com', '*.projects.example.com'],
      tlsSecretName: 'projects-tls',
      annotations: { 'example.com/body-size': '1m' },
    },
  },
  'a Gateway': {
    httpRoute: {
      enabled: true,
      parentRefs: [{ name: 'public', namespace: 'gateways', sectionName: 'https' }],
      hostnames: ['projects.example.com'],
      annotations: { 'example.com/owner': 'web' },
    },
    service: { port: 8080 },
  },
  'Services of choice': {
    service: { type: 'LoadBalancer', port: 443, annotations: { 'example.com/pool': 'public' } },
    adminService: { port: 9090, annotations: { 'example.com/scrape': 'true' } },
  },
  monitoring: {
    monitoring: {
      serviceMonitor: { enabled: true, interval: '15s', labels: { release: 'prometheus' } },
      prometheusRule: { enabled: true, labels: { release: 'prometheus' }, pendingMax: 50 },
      dashboard: { enabled: true, annotations: { 'example.com/folder': 'Nepenthes' } },
    },
  },
  'an account and permissions from elsewhere': {
    serviceAccount: { create: false, name: 'operator', annotations: {} },
    rbac: { create: false },
    crds: { upgradeHook: { enabled: false } },
  },
  'an open network': { networkPolicy: { enabled: false } },
  'a closed network': {
    networkPolicy: {
      api: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress' } } }],
      admin: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
      apiServerCidrs: ['10.96.0.1/32'],
      apiServerPorts: [443],
    },
  },
  placement: {
    nodeSelector: { 'kubernetes.io/arch': 'arm64' },
    tolerations: [{ key: 'dedicated', operator: 'Exists', effect: 'NoSchedule' }],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }],
        },
      },
    },
    priorityClassName: 'high',
    podAnnotations: { 'example.com/note': 'x' },
    podLabels: { 'example.com/tier': 'web' },
    resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '2Gi' } },
    terminationGracePeriodSeconds: 60,
    startupSecondsMax: 600,
    serviceAccount: { annotations: { 'example.com/role': 'projects' } },
  },
  stopped: { replicas: 0 },
}

/** Values that no chart should take, with what helm's answer must name. */
export const NONSENSE: readonly (readonly [what: string, values: unknown, says: RegExp])[] = [
  ['two replicas on the embedded store', { replicas: 2 }, /replicas.*maximum|maximum.*1/s],
  ['a misspelt value', { persistance: { enabled: false } }, /persistance/],
  ['a misspelt value further down', { ingress: { host: ['a.example'] } }, /'?host'?/],
  ['an Ingress without hosts', { ingress: { enabled: true } }, /ingress.*hosts/s],
  ['an HTTPRoute without a Gateway', { httpRoute: { enabled: true } }, /httpRoute.*parentRefs/s],
  ['text for a switch', { networkPolicy: { enabled: 'no' } }, /networkPolicy.*enabled/s],
  ['a port that is none', { service: { port: 0 } }, /service.*port/s],
  ['a path in the public URL', { config: { publicUrl: 'https://a.example/api' } }, /publicUrl/],
  ['an address that is no network', { config: { allowAddresses: ['10.0.0.1'] } }, /allowAddresses/],
  ['a size nobody knows', { config: { deliveryLog: { size: '4GB' } } }, /deliveryLog.*size/s],
  ['a log level that is none', { config: { logLevel: 'verbose' } }, /logLevel/],
  ['no time to drain', { terminationGracePeriodSeconds: 5 }, /terminationGracePeriodSeconds/],
  ['a volume for many', { persistence: { accessMode: 'ReadWriteMany' } }, /accessMode/],
  ['an event that is none', { webhooks: { x: { ...WEBHOOK, events: ['time_entry:updated'] } } }, /webhooks.*events/s],
  ['a webhook without a URL', { webhooks: { x: { events: ['project:created'] } } }, /webhooks.*x/s],
  ['a misspelt field of a webhook', { webhooks: { x: { ...WEBHOOK, hedaers: [] } } }, /hedaers/],
  ['a webhook whose name is none', { webhooks: { Billing: WEBHOOK } }, /Billing/],
  ['a setting that is none', { apiSettings: { spec: { maxPageSize: 0 } } }, /maxPageSize/],
  [
    'an origin with a path',
    { apiSettings: { spec: { cors: { allowedOrigins: ['https://a.example/'] } } } },
    /allowedOrigins/,
  ],
]
