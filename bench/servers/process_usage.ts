/**
 * What processes use, as Linux tells it in /proc.
 *
 * @module
 */

/** Ticks per second of /proc times: a constant of the kernel's interface. */
const TICKS_PER_SECOND = 100;

/** Fields of /proc/PID/stat behind the command's name, which may hold blanks. */
function statFields(pid: number | "self"): readonly string[] {
  const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

function ticks(fields: readonly string[], index: number): number {
  return Number(fields[index]) / TICKS_PER_SECOND;
}

/** CPU seconds of a process: all its threads, and children that it has waited for. */
export function processCpuSeconds(pid: number): number {
  const fields = statFields(pid);
  return ticks(fields, 11) + ticks(fields, 12) + ticks(fields, 13) + ticks(fields, 14);
}

/** CPU seconds of children that this process has waited for. */
export function reapedCpuSeconds(): number {
  const fields = statFields("self");
  return ticks(fields, 13) + ticks(fields, 14);
}

function statusBytes(pid: number, field: string): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(text)?.[1];
  // A process that is going away has no memory left to tell of.
  return kib === undefined ? 0 : Number(kib) * 1024;
}

/** Highest resident memory of a process in bytes since its start or {@link resetPeak}. */
export function peakBytes(pid: number): number {
  return statusBytes(pid, "VmHWM");
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  return statusBytes(pid, "VmRSS");
}

/** Lets a process's peak start again at what it holds now. */
export function resetPeak(pid: number): void {
  Deno.writeTextFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Direct children of a process, whichever of its threads started them; none when it is gone. */
export function childrenOf(pid: number): number[] {
  const threads = whileItLives(() => [...Deno.readDirSync(`/proc/${pid}/task`)]) ?? [];
  return threads.flatMap(({ name }) => {
    const path = `/proc/${pid}/task/${name}/children`;
    const text = whileItLives(() => Deno.readTextFileSync(path)) ?? "";
    return text.split(" ").filter((word) => word !== "").map(Number);
  });
}

/** A process and everything below it. */
export function processTree(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(processTree)];
}

/** Answers nothing when the process in question has ended meanwhile. */
export function whileItLives<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    // ESRCH: the entry was opened, then the process ended. Deno gives this error no class.
    const gone = error instanceof Deno.errors.NotFound ||
      (error instanceof Error && error.message.includes("(os error 3)"));
    if (gone) return undefined;
    throw error;
  }
}

/** How often a tree of short-lived processes is looked at; their peaks only grow. */
const SAMPLE_INTERVAL_MS = 20;

/** Watches the largest process of a tree. */
export class PeakWatch {
  #peakBytes = 0;
  readonly #roots: () => readonly number[];
  readonly #timer: ReturnType<typeof setInterval>;

  /** `roots` answers the processes whose trees are looked at. */
  constructor(roots: () => readonly number[]) {
    this.#roots = roots;
    this.#timer = setInterval(() => this.#look(), SAMPLE_INTERVAL_MS);
  }

  /** Ends watching and answers the largest peak of one process, in bytes. */
  stop(): number {
    clearInterval(this.#timer);
    this.#look();
    return this.#peakBytes;
  }

  #look(): void {
    for (const pid of this.#roots().flatMap(processTree)) {
      this.#peakBytes = Math.max(this.#peakBytes, whileItLives(() => peakBytes(pid)) ?? 0);
    }
  }
}
