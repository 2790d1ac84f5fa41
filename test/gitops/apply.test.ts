import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runKubectl } from '../kubernetes/cluster.ts'
import { type FakeApiServer, startFakeApiServer } from '../support/fake-apiserver/index.ts'
import { workloadTypes } from '../support/fake-apiserver/workloads.ts'

const ROOT = join(import.meta.dirname, '..', '..')

let home: string
let server: FakeApiServer
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'nepenthes-apply-'))
  server = await startFakeApiServer({ types: workloadTypes() })
  await kubectl(`apply --server-side -f ${join(ROOT, 'crds')}`)
})
afterAll(async () => {
  await server.close()
  rmSync(home, { recursive: true, force: true })
})

/** What it says, a line an object. */
async function kubectl(args: string): Promise<string[]> {
  const kubeconfig = server.kubeconfig(join(home, 'kubeconfig'))
  const { code, stdout, stderr } = await runKubectl(args.split(' '), { home, kubeconfig })
  expect(code, stderr).toBe(0)
  return stdout.trim().split('\n')
}

const example = (path: string) => join(ROOT, 'examples', path)

describe('kubectl', () => {
  it('applies the plain objects, and again without a change', async () => {
    await kubectl('create namespace projects')
    const files = `-f ${example('kubectl/role.yaml')} -f ${example('kubectl/operator.yaml')}`
    const applied = await kubectl(`apply -n projects ${files}`)
    expect(applied.length).toBe(6)
    expect(applied).toContain('statefulset.apps/nepenthes-operator created')
    expect((await kubectl(`apply -n projects ${files}`)).filter((line) => !line.endsWith(' unchanged'))).toEqual([])
  })

  it('applies the Kustomize overlay of production over them, resources and a Secret they find included', async () => {
    const applied = await kubectl(`apply -k ${example('kustomize/production')}`)
    expect(applied).toEqual(
      expect.arrayContaining([
        'statefulset.apps/nepenthes-operator configured',
        'apisettings.nepenthes.dev/default created',
        'webhook.nepenthes.dev/billing created',
      ]),
    )
    const { signature } = server.objects.get('webhooks', 'billing', 'projects')?.['spec'] as {
      signature: { secretKeyRef: { name: string } }
    }
    expect(server.objects.get('secrets', signature.secretKeyRef.name, 'projects')?.metadata.labels).toEqual({
      'nepenthes.dev/webhook': 'true',
    })
  })
})
