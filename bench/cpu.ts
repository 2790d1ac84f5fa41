export interface Cpu {
  /** Microseconds of all threads, and of the one that answers requests, since the process began. */
  readonly allThreads: number
  readonly mainThread: number
}

const sum = ({ user, system }: { user: number; system: number }) => user + system

/** Of this process. */
export function cpuOfProcess(): Cpu {
  return { allThreads: sum(process.cpuUsage()), mainThread: sum(process.threadCpuUsage()) }
}
