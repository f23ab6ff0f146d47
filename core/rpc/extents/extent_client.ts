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
import { EXTENT_LIST_COUNT_MAX, EXTENT_REMOVE_COUNT_MAX } from "../../limits.ts";
import { readBodyBytes } from "../body.ts";
import { extentBatches, runBatches } from "./extent_batches.ts";
import {
  type ExtentInfo,
  type ExtentStore,
  type ExtentWrite,
  requireExtentSizes,
} from "./extent_store.ts";
import {
  BATCH_TYPE,
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
import { type ClientOptions, JsonClient } from "../json_client.ts";

/** The answer to a call that has nothing to tell. */
const doneSchema: z.ZodType<Record<never, never>> = z.object({});

/** Schema of an extent's facts in listings. */
export const extentInfoSchema: z.ZodType<ExtentInfo> = z.object({
  id: z.string().transform((text) => parseExtentId(text)),
  owner: z.string().transform((text) => parseNetworkId(text)),
  bytes: z.number().int().nonnegative(),
  writtenAtMs: z.number().int().nonnegative(),
}) as unknown as z.ZodType<ExtentInfo>;

/** Schema of a listing of extents. */
export const extentListSchema: z.ZodType<{ readonly extents: ExtentInfo[] }> = z.object({
  extents: z.array(extentInfoSchema).max(EXTENT_LIST_COUNT_MAX),
});

/** Calls an object node. */
export class ExtentClient implements ExtentStore {
  readonly #client: JsonClient;

  /** Makes a client. */
  constructor(fetcher: Fetcher, options: ClientOptions = {}) {
    this.#client = new JsonClient(fetcher, options);
  }

  /** {@inheritDoc ExtentStore.write} */
  async write(owner: NetworkId, extents: readonly ExtentWrite[]): Promise<void> {
    requireExtentSizes(extents);
    const calls = extentBatches(extents).map((batch) => () => this.#writeBatch(owner, batch));
    await runBatches(calls);
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
        schema: extentListSchema,
      });
      found.push(...page.extents);
      if (page.extents.length < limit) break;
      after = page.extents.at(-1)!.id;
    }
    return found;
  }
}

function outside(
  id: ExtentId,
  range: { readonly offset: number; readonly length: number },
): GitStratumError {
  return new GitStratumError("invalid", "Read outside the extent", { data: { id, ...range } });
}
