/**
 * Another node's replica, reached over a {@link Fetcher}.
 *
 * Faults: a node that is gone or gives no answer in time is `unavailable`, and so is an answer that
 * breaks off or was changed on its way: the copy behind it may be intact. What a node answers as an
 * error arrives as the same error. Calls that got no answer are ended, so that a node that stands
 * still does not keep the bytes of ever more calls in memory.
 *
 * @module
 */

import {
  type Clock,
  EXTENT_BATCH_BYTES_MAX,
  EXTENT_BATCH_COUNT_MAX,
  EXTENT_LIST_COUNT_MAX,
  GitStratumError,
  hasCode,
  REPLICA_BODY_BYTES_MAX,
  REPLICA_LEAF_COUNT_MAX,
  REPLICA_NAME_COUNT_MAX,
  REPLICA_RANGE_COUNT_MAX,
  WAIT_IS_OVER,
} from "@gitstratum/core";
import {
  CHECKSUM_HEADER,
  checksumText,
  type ExtentId,
  type Fetcher,
  JsonClient,
  type NodeId,
  rangeHeader,
  readBodyBytes,
  readJson,
  verifyChecksum,
} from "@gitstratum/core/rpc";
import { z } from "zod";
import type { PositionRange, RangeDigest } from "./digest_snapshot.ts";
import { checkWrite } from "./memory_replica.ts";
import type { HintName, ReplicaNode, ReplicaOutcome, ReplicaWrite } from "./replica_node.ts";
import type { LifeVersion, ReplicaRecord } from "./replica_record.ts";
import {
  decodeReplicaWrites,
  digestsSchema,
  encodeReplicaWrites,
  foundSchema,
  frameBytes,
  hintsSchema,
  type NamedVersion,
  outcomesSchema,
  recordsSchema,
  REPLICA_PATH,
  REPLICA_WRITES_TYPE,
  RING_VERSION_HEADER,
} from "./replica_wire.ts";
import type { PeerDigests } from "./shared_digests.ts";

/** How to reach a node. */
export interface ReplicaClientOptions {
  /** Counts how long answers take. */
  readonly clock: Clock;
  /** Address of the node, without a slash at its end. */
  readonly baseUrl?: string;
  /** The version of the ring by which this node goes, told with each call; 0 unless given. */
  readonly ringVersion?: () => number;
  /** Ends all calls. */
  readonly signal?: AbortSignal;
  /** Longest wait for the whole of an answer, in milliseconds. */
  readonly timeoutMs?: number;
}

/** A request less what every request has. */
interface ReplicaRequest {
  readonly method?: "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyInit;
}

/** Somewhat more than those who call nodes wait, who have the better message. */
const TIMEOUT_MS = 15_000;

const doneSchema = z.object({});

/** A {@link ReplicaNode} on another machine. */
export class ReplicaClient implements ReplicaNode, PeerDigests {
  readonly #client: JsonClient;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #ringVersion: () => number;

  /** Makes a client of one node. */
  constructor(fetcher: Fetcher, options: ReplicaClientOptions) {
    const { baseUrl } = options;
    this.#client = new JsonClient(fetcher, baseUrl === undefined ? {} : { baseUrl });
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#signal = options.signal;
    this.#ringVersion = options.ringVersion ?? (() => 0);
  }

  /** {@inheritDoc ReplicaNode.merge} */
  async merge(writes: readonly ReplicaWrite[]): Promise<readonly ReplicaOutcome[]> {
    for (const write of writes) checkWrite(write);
    const outcomes: ReplicaOutcome[] = [];
    for (const batch of batches(writes)) {
      const answer = await this.#send("/merge", {
        ...writesRequest(batch),
        read: (response) => readJson(response, outcomesSchema),
      });
      if (answer.outcomes.length !== batch.length) throw misshapen("merge");
      outcomes.push(...answer.outcomes);
    }
    return outcomes;
  }

  /** {@inheritDoc ReplicaNode.read} */
  async read(
    id: ExtentId,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { offset, length } = range;
    const sane = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 &&
      length >= 0;
    if (!sane) throw outside(id, range);
    if (length === 0) return await this.#readNothing(id, offset);
    return await this.#send(`/extents/${id}`, {
      headers: { range: rangeHeader(range) },
      read: async (response) => {
        const bytes = await readVerified(response, length);
        if (bytes.length === length) return bytes;
        throw misshapen("read");
      },
    });
  }

  /** A range header can not ask for no bytes. */
  async #readNothing(id: ExtentId, offset: number): Promise<Uint8Array<ArrayBuffer>> {
    const record = await this.find(id);
    if (record?.kind !== "living") {
      throw new GitStratumError("not-found", "Find no such extent", { data: { id } });
    }
    if (offset > record.bytes) throw outside(id, { offset, length: 0 });
    return new Uint8Array(0);
  }

  /** {@inheritDoc ReplicaNode.find} */
  async find(id: ExtentId): Promise<ReplicaRecord | undefined> {
    const { record } = await this.#send(`/records/${id}`, {
      read: (response) => readJson(response, foundSchema),
    });
    return record ?? undefined;
  }

  /** {@inheritDoc ReplicaNode.list} */
  async list(
    options: { readonly after?: ExtentId; readonly limit: number },
  ): Promise<readonly ReplicaRecord[]> {
    return await listPages(options, async ({ after, limit }) => {
      const from = after === undefined ? "" : `&after=${after}`;
      const page = await this.#send(`/records?limit=${limit}${from}`, {
        read: (response) => readJson(response, recordsSchema),
      });
      return { items: page.records, after: page.records.at(-1)?.id };
    });
  }

  /** {@inheritDoc ReplicaNode.forget} */
  async forget(records: readonly NamedVersion[]): Promise<void> {
    for (let from = 0; from < records.length; from += REPLICA_NAME_COUNT_MAX) {
      const part = records.slice(from, from + REPLICA_NAME_COUNT_MAX);
      await this.#post("/forget", {
        records: part.map(({ id, version }) => ({ id, version })),
      });
    }
  }

  /** {@inheritDoc ReplicaNode.keepHint} */
  async keepHint(target: NodeId, write: ReplicaWrite): Promise<void> {
    checkWrite(write);
    await this.#send(`/hints/${target}`, {
      ...writesRequest([write]),
      read: (response) => readJson(response, doneSchema),
    });
  }

  /** {@inheritDoc ReplicaNode.hints} */
  async hints(
    options: { readonly after?: HintName; readonly limit: number },
  ): Promise<readonly HintName[]> {
    return await listPages(options, async ({ after, limit }) => {
      const from = after === undefined ? "" : `&id=${after.id}&target=${after.target}`;
      const page = await this.#send(`/hints?limit=${limit}${from}`, {
        read: (response) => readJson(response, hintsSchema),
      });
      return { items: page.hints, after: page.hints.at(-1) };
    });
  }

  /** {@inheritDoc ReplicaNode.readHint} */
  async readHint({ target, id }: HintName): Promise<ReplicaWrite | undefined> {
    try {
      return await this.#send(`/hints/${target}/${id}`, {
        read: async (response) => {
          const [write] = decodeReplicaWrites(await readVerified(response, REPLICA_BODY_BYTES_MAX));
          if (write === undefined) throw misshapen("readHint");
          return write;
        },
      });
    } catch (error) {
      if (hasCode(error, "not-found")) return undefined;
      throw error;
    }
  }

  /** {@inheritDoc ReplicaNode.dropHint} */
  async dropHint({ target, id }: HintName, version: LifeVersion): Promise<void> {
    await this.#post("/drop-hint", { target, id, version });
  }

  /** {@inheritDoc PeerDigests.digests} */
  async digests(
    peer: NodeId,
    ranges: readonly PositionRange[],
  ): Promise<readonly RangeDigest[]> {
    const found: RangeDigest[] = [];
    for (let from = 0; from < ranges.length; from += REPLICA_RANGE_COUNT_MAX) {
      const part = ranges.slice(from, from + REPLICA_RANGE_COUNT_MAX);
      const { digests } = await this.#send("/digests", {
        ...jsonRequest({ peer, ranges: part }),
        read: (response) => readJson(response, digestsSchema),
      });
      if (digests.length !== part.length) throw misshapen("digests");
      found.push(...digests);
    }
    return found;
  }

  /** {@inheritDoc PeerDigests.records} */
  async records(
    peer: NodeId,
    ranges: readonly PositionRange[],
  ): Promise<readonly ReplicaRecord[]> {
    const found: ReplicaRecord[] = [];
    for (let from = 0; from < ranges.length; from += REPLICA_LEAF_COUNT_MAX) {
      const part = ranges.slice(from, from + REPLICA_LEAF_COUNT_MAX);
      const { records } = await this.#send("/leaves", {
        ...jsonRequest({ peer, ranges: part }),
        read: (response) => readJson(response, recordsSchema),
      });
      found.push(...records);
    }
    return found;
  }

  /** Tells the node that writes missed it, so that it compares itself with others. */
  async compareAsked(): Promise<void> {
    await this.#post("/compare", {});
  }

  async #post(path: string, body: unknown): Promise<void> {
    await this.#send(path, {
      ...jsonRequest(body),
      read: (response) => readJson(response, doneSchema),
    });
  }

  /** Sends a request and reads its answer, all in time. */
  async #send<T>(
    path: string,
    call: ReplicaRequest & { readonly read: (response: Response) => Promise<T> },
  ): Promise<T> {
    const { read, ...init } = call;
    const headers = { ...init.headers, [RING_VERSION_HEADER]: `${this.#ringVersion()}` };
    const late = new AbortController();
    const answered = new AbortController();
    this.#clock.sleep(this.#timeoutMs, answered.signal).then(
      () => late.abort(),
      () => {}, // Answered in time.
    );
    const signal = this.#signal === undefined
      ? late.signal
      : AbortSignal.any([late.signal, this.#signal]);
    try {
      const response = await this.#client.send(REPLICA_PATH + path, { ...init, headers, signal });
      return await answerOf(path, () => read(response));
    } catch (cause) {
      if (!late.signal.aborted) throw cause;
      throw new GitStratumError("unavailable", "Wait too long for a replica", {
        data: { path, timeoutMs: this.#timeoutMs },
        cause,
      });
    } finally {
      answered.abort(WAIT_IS_OVER);
    }
  }
}

/** An answer that is broken says nothing about the copy behind it. */
async function answerOf<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof GitStratumError)) throw cause;
    throw new GitStratumError("unavailable", "Receive a broken answer of a replica", {
      data: { path, reason: cause.message },
      cause,
    });
  }
}

function jsonRequest(body: unknown): ReplicaRequest {
  return {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  };
}

function writesRequest(writes: readonly ReplicaWrite[]): ReplicaRequest {
  const body = encodeReplicaWrites(writes);
  return {
    method: "POST",
    headers: {
      "content-type": REPLICA_WRITES_TYPE,
      "content-length": body.length.toString(),
      [CHECKSUM_HEADER]: checksumText(body),
    },
    body,
  };
}

async function readVerified(
  response: Response,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readBodyBytes(response, { bytesMax });
  verifyChecksum(bytes, response.headers.get(CHECKSUM_HEADER));
  return bytes;
}

/** As many writes as fit a body; one alone may be larger than a batch. */
function batches(writes: readonly ReplicaWrite[]): ReplicaWrite[][] {
  const found: ReplicaWrite[][] = [];
  let room = 0;
  for (const write of writes) {
    const bytes = frameBytes(write);
    const last = found.at(-1);
    if (last === undefined || bytes > room || last.length === EXTENT_BATCH_COUNT_MAX) {
      found.push([write]);
      room = EXTENT_BATCH_BYTES_MAX - bytes;
    } else {
      last.push(write);
      room -= bytes;
    }
  }
  return found;
}

/** Gathers pages until there are as many items as wanted, or no more. */
async function listPages<T, A>(
  options: { readonly after?: A; readonly limit: number },
  page: (
    from: { readonly after: A | undefined; readonly limit: number },
  ) => Promise<{ readonly items: readonly T[]; readonly after: A | undefined }>,
): Promise<T[]> {
  const found: T[] = [];
  let after = options.after;
  while (found.length < options.limit) {
    const limit = Math.min(EXTENT_LIST_COUNT_MAX, options.limit - found.length);
    const next = await page({ after, limit });
    found.push(...next.items);
    if (next.items.length < limit) break;
    after = next.after;
  }
  return found;
}

function outside(
  id: ExtentId,
  range: { readonly offset: number; readonly length: number },
): GitStratumError {
  return new GitStratumError("invalid", "Read outside the extent", { data: { id, ...range } });
}

function misshapen(call: string): GitStratumError {
  return new GitStratumError("unavailable", "Receive an answer of another shape", {
    data: { call },
  });
}
