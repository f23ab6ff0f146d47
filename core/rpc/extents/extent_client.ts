/**
 * The object cluster as its callers see it: {@link ExtentStore} over a {@link Fetcher}.
 *
 * Small extents travel in batches, so that a push costs one call; large ones alone, a few at a time.
 * What comes back is compared with its checksum before anybody sees it.
 *
 * @module
 */

import { z } from "zod";
import { GitStratumError, hasCode } from "../../error.ts";
import {
  EXTENT_BATCH_BYTES_MAX,
  EXTENT_BATCH_COUNT_MAX,
  EXTENT_BYTES_MAX,
  EXTENT_LIST_COUNT_MAX,
  EXTENT_REMOVE_COUNT_MAX,
  EXTENT_WRITE_CONCURRENCY_MAX,
  KIB,
} from "../../limits.ts";
import { readBodyBytes } from "../body.ts";
import type { ExtentInfo, ExtentStore, ExtentWrite } from "./extent_store.ts";
import {
  BATCH_HEADER_BYTES,
  BATCH_TYPE,
  batchRowBytes,
  CHECKSUM_HEADER,
  checksumText,
  encodeExtentBatch,
  EXTENTS_PATH,
  OWNER_HEADER,
  rangeHeader,
  verifyChecksum,
} from "./extent_wire.ts";
import type { Fetcher } from "../fetcher.ts";
import { type ExtentId, type NetworkId, parseExtentId, parseNetworkId } from "../ids.ts";
import { JsonClient } from "../json_client.ts";

/** Extents above this travel alone: a copy into a batch would cost more than a call. */
const BATCHED_BYTES_MAX = 256 * KIB;

/** The answer to a call that has nothing to tell. */
const doneSchema: z.ZodType<Record<never, never>> = z.object({});

/** Schema of an extent's facts in listings. */
export const extentInfoSchema: z.ZodType<ExtentInfo> = z.object({
  id: z.string().transform((text) => parseExtentId(text)),
  owner: z.string().transform((text) => parseNetworkId(text)),
  bytes: z.number().int().nonnegative(),
  writtenAtMs: z.number().int().nonnegative(),
}) as unknown as z.ZodType<ExtentInfo>;

const listSchema = z.object({ extents: z.array(extentInfoSchema).max(EXTENT_LIST_COUNT_MAX) });

/** Calls an object node. */
export class ExtentClient implements ExtentStore {
  readonly #client: JsonClient;

  /** Makes a client; `baseUrl` has no slash at its end. */
  constructor(fetcher: Fetcher, options: { readonly baseUrl?: string } = {}) {
    this.#client = new JsonClient(fetcher, options);
  }

  /** {@inheritDoc ExtentStore.write} */
  async write(owner: NetworkId, extents: readonly ExtentWrite[]): Promise<void> {
    for (const { id, bytes } of extents) {
      if (bytes.length > EXTENT_BYTES_MAX) {
        throw new GitStratumError("exhausted", "Refuse an extent above its limit", {
          data: { id, bytes: bytes.length, bytesMax: EXTENT_BYTES_MAX },
        });
      }
    }
    const calls = batches(extents).map((batch) => () => this.#writeBatch(owner, batch));
    await runAll(calls, EXTENT_WRITE_CONCURRENCY_MAX);
  }

  async #writeBatch(owner: NetworkId, batch: readonly ExtentWrite[]): Promise<void> {
    const response = batch.length === 1
      ? await this.#putExtent(owner, batch[0]!)
      : await this.#postBatch(owner, batch);
    await response.body?.cancel();
  }

  #postBatch(owner: NetworkId, batch: readonly ExtentWrite[]): Promise<Response> {
    const body = encodeExtentBatch(batch);
    return this.#client.send(EXTENTS_PATH, {
      method: "POST",
      headers: {
        [OWNER_HEADER]: owner,
        [CHECKSUM_HEADER]: checksumText(body),
        "content-type": BATCH_TYPE,
        // Inside one process nobody else adds it, and the service admits by it.
        "content-length": body.length.toString(),
      },
      body,
    });
  }

  #putExtent(owner: NetworkId, { id, bytes }: ExtentWrite): Promise<Response> {
    return this.#client.send(`${EXTENTS_PATH}/${id}`, {
      method: "PUT",
      headers: {
        [OWNER_HEADER]: owner,
        [CHECKSUM_HEADER]: checksumText(bytes),
        "content-type": "application/octet-stream",
        "content-length": bytes.length.toString(),
      },
      body: bytes as Uint8Array<ArrayBuffer>,
    });
  }

  /** {@inheritDoc ExtentStore.read} */
  async read(
    id: ExtentId,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { offset, length } = range;
    if (length === 0) return await this.#readNothing(id, offset);
    if (
      !Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0
    ) {
      throw outside(id, range);
    }
    const response = await this.#client.send(`${EXTENTS_PATH}/${id}`, {
      method: "GET",
      headers: { range: rangeHeader(range) },
    });
    const bytes = await readBodyBytes(response, { bytesMax: length });
    if (bytes.length !== length) {
      throw new GitStratumError("unavailable", "Receive a range of another length", {
        data: { id, wanted: length, found: bytes.length },
      });
    }
    verifyChecksum(bytes, response.headers.get(CHECKSUM_HEADER));
    return bytes;
  }

  /** A range header can not ask for no bytes. */
  async #readNothing(id: ExtentId, offset: number): Promise<Uint8Array<ArrayBuffer>> {
    const info = await this.stat(id);
    if (info === undefined) {
      throw new GitStratumError("not-found", "Find no such extent", { data: { id } });
    }
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > info.bytes) {
      throw outside(id, { offset, length: 0 });
    }
    return new Uint8Array(0);
  }

  /** {@inheritDoc ExtentStore.stat} */
  async stat(id: ExtentId): Promise<ExtentInfo | undefined> {
    try {
      return await this.#client.call(`${EXTENTS_PATH}/${id}/info`, {
        method: "GET",
        schema: extentInfoSchema,
      });
    } catch (error) {
      if (hasCode(error, "not-found")) return undefined;
      throw error;
    }
  }

  /** {@inheritDoc ExtentStore.remove} */
  async remove(ids: readonly ExtentId[]): Promise<void> {
    for (let from = 0; from < ids.length; from += EXTENT_REMOVE_COUNT_MAX) {
      await this.#client.call(`${EXTENTS_PATH}/remove`, {
        body: { ids: ids.slice(from, from + EXTENT_REMOVE_COUNT_MAX) },
        schema: doneSchema,
      });
    }
  }

  /** {@inheritDoc ExtentStore.list} */
  async list(
    options: { readonly after?: ExtentId; readonly limit: number },
  ): Promise<ExtentInfo[]> {
    const found: ExtentInfo[] = [];
    let after = options.after ?? "";
    while (found.length < options.limit) {
      const limit = Math.min(EXTENT_LIST_COUNT_MAX, options.limit - found.length);
      const page = await this.#client.call(`${EXTENTS_PATH}?after=${after}&limit=${limit}`, {
        method: "GET",
        schema: listSchema,
      });
      found.push(...page.extents);
      if (page.extents.length < limit) break;
      after = page.extents.at(-1)!.id;
    }
    return found;
  }
}

/** Groups extents so that small ones share a call. */
function batches(extents: readonly ExtentWrite[]): ExtentWrite[][] {
  const large: ExtentWrite[][] = [];
  const groups: ExtentWrite[][] = [];
  let room = 0;
  for (const extent of extents) {
    const bytes = batchRowBytes(extent) + extent.bytes.length;
    if (extent.bytes.length > BATCHED_BYTES_MAX) large.push([extent]);
    else if (bytes <= room && groups.at(-1)!.length < EXTENT_BATCH_COUNT_MAX) {
      groups.at(-1)!.push(extent);
      room -= bytes;
    } else {
      groups.push([extent]);
      room = EXTENT_BATCH_BYTES_MAX - BATCH_HEADER_BYTES - bytes;
    }
  }
  return [...groups, ...large];
}

/** Runs calls, so many at a time; the first failure ends it once the running ones have settled. */
async function runAll(calls: readonly (() => Promise<void>)[], concurrency: number): Promise<void> {
  let next = 0;
  let failed = false;
  const work = async () => {
    while (next < calls.length && !failed) {
      try {
        await calls[next++]!();
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(concurrency, calls.length) }, work);
  const outcomes = await Promise.allSettled(workers);
  const rejected = outcomes.find((outcome) => outcome.status === "rejected");
  if (rejected !== undefined) throw rejected.reason;
}

function outside(
  id: ExtentId,
  range: { readonly offset: number; readonly length: number },
): GitStratumError {
  return new GitStratumError("invalid", "Read outside the extent", { data: { id, ...range } });
}
