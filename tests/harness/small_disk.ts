/**
 * A disk for one directory that can be filled up and freed again: a file system in memory where the
 * machine allows to mount one, which fails exactly as a full disk does. Elsewhere the size of files of
 * the process that writes there is limited (`RLIMIT_FSIZE`), which stops every file that grows.
 *
 * @module
 */

import type { NodeProcess } from "./node_process.ts";

const MIB = 1024 * 1024;
/** Smaller than any file that a node lets grow. */
const FILE_BYTES_MAX = 4096;

/** A directory with little room. */
export class SmallDisk implements AsyncDisposable {
  readonly #path: string;
  readonly #isMounted: boolean;

  private constructor(path: string, isMounted: boolean) {
    this.#path = path;
    this.#isMounted = isMounted;
  }

  /** Makes a directory and gives it so much room, if that can be done. */
  static async mount(path: string, bytes: number): Promise<SmallDisk> {
    await Deno.mkdir(path, { recursive: true });
    const { success } = await run("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path]);
    return new SmallDisk(path, success);
  }

  /** Stands in front of the program of the node that writes there. */
  get wrapper(): readonly string[] {
    return this.#isMounted ? [] : ["sh", "-c", `trap '' XFSZ; exec "$@"`, "sh"];
  }

  /** Takes all room away. */
  async fill(node: NodeProcess): Promise<void> {
    if (!this.#isMounted) return await limitFiles(node, FILE_BYTES_MAX);
    const file = await Deno.open(this.#filler, { create: true, append: true });
    try {
      for (let chunk = new Uint8Array(MIB); chunk.length > 0;) {
        try {
          await file.write(chunk);
        } catch {
          // Full for so much: the rest is filled by less.
          chunk = chunk.subarray(0, chunk.length >> 1);
        }
      }
    } finally {
      file.close();
    }
  }

  /** Gives the room back. */
  async free(node: NodeProcess): Promise<void> {
    if (this.#isMounted) await Deno.remove(this.#filler);
    else if (node.isRunning) await limitFiles(node, "unlimited");
  }

  /** Lets go of the file system, when nobody uses it any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isMounted) return;
    const { success } = await run("umount", ["--lazy", this.#path]);
    if (!success) throw new Error(`${this.#path} can not be unmounted`);
  }

  get #filler(): string {
    return `${this.#path}/filler`;
  }
}

async function limitFiles(node: NodeProcess, bytes: number | "unlimited"): Promise<void> {
  const { success } = await run("prlimit", ["--pid", `${node.pid}`, `--fsize=${bytes}:unlimited`]);
  if (!success) throw new Error(`The files of ${node.id} can not be limited`);
}

async function run(program: string, args: string[]): Promise<{ readonly success: boolean }> {
  try {
    return await new Deno.Command(program, { args, stdout: "null", stderr: "null" }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { success: false };
    throw error;
  }
}
