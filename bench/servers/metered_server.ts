/**
 * Servers whose costs can be read, and one measurement of them.
 *
 * @module
 */

/** Where a server listens. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** A running server of repositories. */
export interface MeteredServer extends AsyncDisposable {
  /** For rows and notes. */
  readonly name: string;
  readonly address: Address;
  /** Path of a repository in URLs, e.g. `/acme/widget.git`. */
  path(repository: string): string;
  /** CPU seconds of the server's whole process tree so far. */
  cpuSeconds(): number;
  /** Starts watching memory; the answer ends it and tells the peak in bytes. */
  watchPeak(): () => number;
  /** Resolves when the work behind finished answers is done and counted. */
  settle(): Promise<void>;
}

/** What something cost. */
export interface Cost {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

/** A result and its cost. */
export interface Measured<T> extends Cost {
  readonly value: T;
}

/** Runs work against a server and measures what it cost there. */
export async function measure<T>(
  server: MeteredServer,
  work: () => Promise<T>,
): Promise<Measured<T>> {
  const cpuBefore = server.cpuSeconds();
  const peak = server.watchPeak();
  const start = performance.now();
  try {
    const value = await work();
    const wallSeconds = (performance.now() - start) / 1000;
    await server.settle();
    return { value, wallSeconds, cpuSeconds: server.cpuSeconds() - cpuBefore, peakBytes: peak() };
  } catch (error) {
    peak();
    throw error;
  }
}

/** The one of several measurements whose wall time is in the middle. */
export function medianByWall<T extends Cost>(measurements: readonly T[]): T {
  const sorted = measurements.toSorted((one, other) => one.wallSeconds - other.wallSeconds);
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  if (median === undefined) throw new Error("Nothing was measured");
  return median;
}

/** The value below which a share of all values lies, e.g. 0.5 or 0.99. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new Error("Nothing was measured");
  return value;
}
