/**
 * Clients of a cluster that never pause: writers that push one commit after the other, readers that
 * clone and compare.
 *
 * A push counts as acknowledged when git says so; one that fails is tried again, as people would. Each
 * clone has to succeed, to pass `git fsck`, and to hold whatever was acknowledged before it began.
 *
 * @module
 */

import { git, gitText } from "../harness/git.ts";
import { initRepository } from "../harness/history.ts";
import { commitFile } from "../harness/pushed.ts";

/** Where clients find the cluster at the moment. */
export type PickUrl = (repository: string, attempt: number) => string;

/** One push or clone that succeeded; times as `performance.now()` tells them. */
export interface Success {
  readonly startedMs: number;
  readonly endedMs: number;
}

/** No wait of a test for the traffic to go on takes longer. */
const PROGRESS_MS_MAX = 60_000;

/** Pushes and clones of one repository. */
export class Traffic {
  readonly repository: string;
  readonly pushes: Success[] = [];
  readonly clones: Success[] = [];
  /** Clones that failed or lacked something, with the reason: there should be none. */
  readonly faults: string[] = [];
  /** Pushes that failed and were tried again. */
  failedPushCount = 0;
  /** The newest commit that was acknowledged. */
  acknowledged: string;
  /** The work tree of the writer, with all that was ever pushed. */
  readonly work: string;
  readonly #directory: string;
  readonly #pick: PickUrl;
  #stopped = false;
  #running: Promise<unknown> = Promise.resolve();
  #progress = Promise.withResolvers<void>();
  #attempt = 0;
  #cloneCount = 0;

  private constructor(parts: {
    readonly repository: string;
    readonly directory: string;
    readonly work: string;
    readonly pick: PickUrl;
    readonly acknowledged: string;
  }) {
    this.repository = parts.repository;
    this.#directory = parts.directory;
    this.work = parts.work;
    this.#pick = parts.pick;
    this.acknowledged = parts.acknowledged;
  }

  /** Makes the first push, then begins. */
  static async start(
    repository: string,
    options: { readonly directory: string; readonly pick: PickUrl },
  ): Promise<Traffic> {
    const { directory, pick } = options;
    const work = await initRepository(`${directory}/work`);
    const acknowledged = await commitFile(work, { path: "n", content: "0\n" });
    await git(["-C", work, "push", "-q", pick(repository, 0), "HEAD:refs/heads/main"]);
    const traffic = new Traffic({ repository, directory, work, pick, acknowledged });
    traffic.#running = Promise.all([traffic.#write(), traffic.#read()]);
    return traffic;
  }

  /** Lets what runs finish. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** Resolves when so many pushes and clones that started from now on have succeeded. */
  async progress(count: number): Promise<void> {
    const sinceMs = performance.now();
    const isNew = ({ startedMs }: Success) => startedMs >= sinceMs;
    const deadline = AbortSignal.timeout(PROGRESS_MS_MAX);
    const late = new Promise<void>((resolve) =>
      deadline.addEventListener("abort", () => resolve(), { once: true })
    );
    const reached = () =>
      this.pushes.filter(isNew).length >= count && this.clones.filter(isNew).length >= count;
    while (!reached()) {
      if (deadline.aborted) {
        throw new Error(`${this.repository} does not go on: ${this.faults.join("\n")}`);
      }
      await Promise.race([this.#progress.promise, late]);
    }
  }

  /** When the first push that started after `sinceMs` had succeeded, in milliseconds after it. */
  writableAfterMs(sinceMs: number): number {
    const first = this.pushes.find(({ startedMs }) => startedMs >= sinceMs);
    return first === undefined ? Infinity : first.endedMs - sinceMs;
  }

  async #write(): Promise<void> {
    for (let n = 1; !this.#stopped; n++) {
      const oid = await commitFile(this.work, { path: "n", content: `${n}\n` });
      let isAcknowledged = false;
      while (!isAcknowledged && !this.#stopped) isAcknowledged = await this.#push(oid);
    }
  }

  async #push(oid: string): Promise<boolean> {
    const startedMs = performance.now();
    const url = this.#pick(this.repository, this.#attempt++);
    const result = await git(
      ["-C", this.work, "push", "-q", url, `${oid}:refs/heads/main`],
      { anyExit: true },
    );
    if (result.code !== 0) {
      this.failedPushCount++;
      return false;
    }
    this.acknowledged = oid;
    this.pushes.push({ startedMs, endedMs: performance.now() });
    this.#note();
    return true;
  }

  async #read(): Promise<void> {
    while (!this.#stopped) {
      const path = `${this.#directory}/clone-${this.#cloneCount++}`;
      const startedMs = performance.now();
      const wanted = this.acknowledged;
      const url = this.#pick(this.repository, this.#attempt++);
      try {
        await git(["clone", "-q", "--bare", url, path]);
        await checkClone(path, wanted);
        this.clones.push({ startedMs, endedMs: performance.now() });
        await Deno.remove(path, { recursive: true });
      } catch (error) {
        this.faults.push(`${new Date().toISOString()} ${url}: ${error}`);
      }
      this.#note();
    }
  }

  #note(): void {
    this.#progress.resolve();
    this.#progress = Promise.withResolvers<void>();
  }
}

/** Holds a clone against what was acknowledged before it began. */
export async function checkClone(path: string, acknowledged: string): Promise<void> {
  await git(["-C", path, "fsck", "--full", "--strict", "--no-progress"]);
  const head = await gitText(["-C", path, "rev-parse", "refs/heads/main"]);
  const held = await git(["-C", path, "merge-base", "--is-ancestor", acknowledged, head], {
    anyExit: true,
  });
  if (held.code !== 0) throw new Error(`${head} lacks ${acknowledged}: ${held.stderr}`);
}
