import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { kubectlPath } from '../support/kubectl.ts'
import { startControlPlane } from './control-plane.ts'

const NEITHER = `test:cluster wants a real API server:
  KUBEBUILDER_ASSETS=DIR  starts the etcd and the kube-apiserver in DIR, and ends them afterwards
  KUBECONFIG=FILE         uses the cluster of its current context: definitions are applied and namespaces made there, so name one of
                          no importance`

/** Says to every test file which API server there is. It is given in the words of the tools that developers have for it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), 'nepenthes-real-server-'))
  try {
    const server = await openServer(directory)
    project.provide('kubeconfig', server.kubeconfig)
    return async () => {
      await server.stop()
      rmSync(directory, { recursive: true })
    }
  } catch (thrown) {
    rmSync(directory, { recursive: true })
    throw thrown
  }
}

/** Who has both may have a cluster in use in KUBECONFIG: one of our own is safer. */
async function openServer(directory: string): Promise<{ kubeconfig: string; stop(): Promise<void> }> {
  const { KUBEBUILDER_ASSETS: assets, KUBECONFIG: given } = process.env
  if (assets) return startControlPlane(assets, directory)
  if (given) return { kubeconfig: flatten(given, join(directory, 'kubeconfig')), stop: async () => undefined }
  throw new Error(NEITHER)
}

/** The current context alone, of however many files, with what it refers to: read as kubectl reads it. */
function flatten(given: string, path: string): string {
  const args = ['config', 'view', '--raw', '--flatten', '--minify']
  const { stdout, stderr, status } = spawnSync(kubectlPath(), args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`KUBECONFIG=${given} cannot be used: ${stderr.trim()}`)
  writeFileSync(path, stdout, { mode: 0o600 })
  return path
}
