import { pino, type Logger } from 'pino'

/** Structured log: constant messages, everything variable as fields (`log.info({ webhook, attempt }, 'delivery failed')`). */
export type Log = Pick<Logger, 'trace' | 'debug' | 'info' | 'warn' | 'error'>

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** The program's log: JSON lines on standard error, so that standard output stays free for machine-readable answers. */
export function createLog(level: LogLevel, write: (line: string) => void): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  )
}
