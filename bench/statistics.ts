/** The value below which a share (0..1) of the sample lies; the sample need not be sorted. */
export function quantile(sample: readonly number[], share: number): number {
  const sorted = [...sample].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

export function median(sample: readonly number[]): number {
  return quantile(sample, 0.5)
}

export function print(name: string, figures: Record<string, string>): void {
  const cells = Object.entries(figures).map(([label, value]) => `${label} ${value}`)
  process.stdout.write(`${name.padEnd(44)} ${cells.join('   ')}\n`)
}

/** What stands behind a target. */
export function judged(reached: boolean): string {
  return reached ? 'reached' : 'MISSED'
}
