/**
 * A long answer of a partition's primary that outlives the primary.
 *
 * The beginning of an answer is taken as a part of the call, so what is no longer than that is simply
 * asked anew when its sender dies. A longer one is resumed: the question is put to the next primary,
 * what was passed on already is skipped, and the rest follows.
 *
 * Invariant: whoever reads the stream to its end has read one whole answer of one primary. What is
 * skipped is compared by digest with what was passed on; when a change came in between that shows in
 * it, the stream fails.
 *
 * Fault model: a sender may die, which breaks its stream off, or stand still, which does not. So a
 * stream that brings nothing for a while is left, after its partition went to another node or the way
 * to its sender was cut.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import type { Partition } from "../../consensus/log.ts";
import { GitStratumError } from "../../error.ts";
import { KIB } from "../../limits.ts";
import { WAIT_IS_OVER } from "../../wait_is_over.ts";
import type { PartitionRouter, RouteTarget } from "./partition_router.ts";
import type { Topology } from "../topology/topology.ts";

/** Opens an answer at a node. */
export type OpenStream = (target: RouteTarget) => Promise<ReadableStream<Uint8Array>>;

/** What is no longer than this is asked anew as a whole. */
const BEGINNING_BYTES = 512 * KIB;
/** How often one answer is resumed: nodes rarely die twice within it. */
const RESUMPTION_COUNT_MAX = 4;
/** A node that lost its partition may finish what it streams, as long as it brings something. */
const SILENCE_MS_MAX = 5000;

/** An answer whose beginning has arrived. */
interface Begun {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  /** What has arrived and was not passed on. */
  readonly chunks: Uint8Array[];
  /** Whether there is nothing but the chunks. */
  readonly isWhole: boolean;
  /** What the call went by. */
  readonly topology: Topology;
  /** Where it comes from. */
  readonly target: RouteTarget;
}

/**
 * Asks the primary of a partition for a stream; resolves when its beginning is there.
 *
 * @throws what opening throws; `unavailable` when no primary answered before the router's deadline.
 *   Reading throws so too, and `unavailable` when an answer can not be resumed
 */
export async function routedStream(
  router: PartitionRouter,
  partition: Partition,
  open: OpenStream,
): Promise<ReadableStream<Uint8Array>> {
  const stream = new RoutedStream(router, partition, open);
  await stream.begin();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = await stream.next();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
    cancel: (reason) => stream.cancel(reason),
  }, { highWaterMark: 0 });
}

class RoutedStream {
  readonly #router: PartitionRouter;
  readonly #partition: Partition;
  readonly #open: OpenStream;
  /** Of what was passed on; what is asked anew as a whole needs none. */
  #digest: Hash | undefined;
  #begun: Begun | undefined;
  #passedBytes = 0;
  #resumptionCount = 0;
  #isCancelled = false;

  constructor(router: PartitionRouter, partition: Partition, open: OpenStream) {
    this.#router = router;
    this.#partition = partition;
    this.#open = open;
  }

  async begin(): Promise<void> {
    const { topology } = this.#router;
    this.#begun = await this.#router.call(this.#partition, async (target) => {
      // What the target was taken from, or newer: then only a later move counts as one.
      const before = topology.current();
      return { ...await readBeginning(await this.#open(target)), topology: before, target };
    });
  }

  /** The next bytes; undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      try {
        const chunk = await this.#read();
        if (chunk !== undefined && !this.#begun!.isWhole) {
          this.#digest ??= createHash("sha256");
          this.#digest.update(chunk);
        }
        this.#passedBytes += chunk?.length ?? 0;
        return chunk;
      } catch (error) {
        await this.#resume(error);
      }
    }
  }

  async cancel(reason?: unknown): Promise<void> {
    this.#isCancelled = true;
    // A stream that failed has nothing to be cancelled.
    await this.#begun?.reader.cancel(reason).catch(() => undefined);
  }

  async #read(): Promise<Uint8Array | undefined> {
    const { chunks, reader, isWhole, topology, target } = this.#begun!;
    if (chunks.length > 0 || isWhole) return chunks.shift();
    const over = new AbortController();
    const options = { since: topology, silenceMs: SILENCE_MS_MAX, over: over.signal };
    try {
      const left = this.#router.left(this.#partition, options);
      return (await Promise.race([reader.read(), left, target.cut(over.signal)])).value;
    } finally {
      over.abort(WAIT_IS_OVER);
    }
  }

  /** Puts the question anew and skips what was passed on. */
  async #resume(failure: unknown): Promise<void> {
    for (let cause = failure;;) {
      this.#begun?.reader.cancel(cause).catch(() => {
        // It failed; that is why it is left.
      });
      if (this.#isCancelled || this.#resumptionCount++ >= RESUMPTION_COUNT_MAX) throw cause;
      await this.begin();
      try {
        return await this.#skip();
      } catch (error) {
        if (error instanceof AnswerChanged) throw error.asFailure();
        cause = error;
      }
    }
  }

  async #skip(): Promise<void> {
    const digest = createHash("sha256");
    for (let left = this.#passedBytes; left > 0;) {
      const chunk = await this.#read();
      if (chunk === undefined) throw new AnswerChanged();
      digest.update(chunk.subarray(0, left));
      if (chunk.length > left) this.#begun!.chunks.unshift(chunk.subarray(left));
      left -= chunk.length;
    }
    const passed = this.#digest?.copy() ?? createHash("sha256");
    if (!digest.digest().equals(passed.digest())) throw new AnswerChanged();
  }
}

/** Another attempt at resuming would fail just so. */
class AnswerChanged extends Error {
  asFailure(): GitStratumError {
    return new GitStratumError("unavailable", "Find another answer where one was to be resumed");
  }
}

async function readBeginning(
  stream: ReadableStream<Uint8Array>,
): Promise<Omit<Begun, "topology" | "target">> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  try {
    for (let bytes = 0; bytes < BEGINNING_BYTES;) {
      const { done, value } = await reader.read();
      if (done) return { reader, chunks, isWhole: true };
      chunks.push(value);
      bytes += value.length;
    }
  } catch (cause) {
    throw new GitStratumError("unavailable", "Receive an answer that breaks off", { cause });
  }
  return { reader, chunks, isWhole: false };
}
