/**
 * The class of machine a run took place on; nothing that names it.
 *
 * @module
 */

/** What a reader needs to compare runs. */
export interface MachineFacts {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGib: number;
  readonly system: string;
  /** Over 1, 5 and 15 minutes: above the cores, figures of time are those of a busy machine. */
  readonly loadAverage: readonly number[];
  readonly software: readonly string[];
}

async function firstLine(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await new Deno.Command(command, { args: [...args] }).output();
    const text = new TextDecoder().decode(stdout.length > 0 ? stdout : stderr);
    return text.split("\n")[0]!.trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function processorName(): Promise<string> {
  const text = await Deno.readTextFile("/proc/cpuinfo");
  return /^model name\s*:\s*(.*)$/m.exec(text)?.[1] ?? "unknown processor";
}

/** Reads the machine's facts. */
export async function readMachineFacts(): Promise<MachineFacts> {
  const versions = await Promise.all([
    firstLine("git", ["--version"]),
    firstLine("nginx", ["-v"]),
  ]);
  return {
    cores: navigator.hardwareConcurrency,
    processor: await processorName(),
    memoryGib: Math.round(Deno.systemMemoryInfo().total / 1024 ** 3),
    system: `${Deno.build.os} ${Deno.osRelease().match(/^\d+\.\d+/)?.[0] ?? ""}`,
    loadAverage: Deno.loadavg(),
    software: [
      `deno ${Deno.version.deno}`,
      ...versions.filter((version) => version !== undefined),
    ],
  };
}

/** The commit of the source tree at `root`. */
export async function readCommit(root: string): Promise<string> {
  const commit = await firstLine("git", ["-C", root, "rev-parse", "--short=12", "HEAD"]);
  const dirty = await firstLine("git", ["-C", root, "status", "--porcelain", "-uno"]);
  if (commit === undefined || commit === "") return "unknown";
  return dirty === "" ? commit : `${commit}-dirty`;
}
