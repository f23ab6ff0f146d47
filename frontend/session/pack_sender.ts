/**
 * Sends a pack: progress, keep-alives and pack bytes on side bands, or the bare bytes to clients that
 * know no side band.
 *
 * A failure is told on band 3, then thrown: the transport must break the stream, never end it (P8).
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";
import { frameSideBandText, keepAlivePkt, type SideBandMode } from "@gitstratum/core/protocol";
import type { OpenedPack } from "../pack_cache/opened_pack.ts";
import { packBytesWithin } from "../pack_cache/pack_blocks.ts";
import { liveTask } from "./live_task.ts";
import { shownError } from "./shown_error.ts";

/** How a pack is sent. */
export interface PackSenderOptions {
  readonly clock: Clock;
  /** How the pack is framed; absent for clients that take it bare. */
  readonly sideBand?: SideBandMode;
  /** The client wants to be told how it goes. */
  readonly progress: boolean;
}

async function* sendFramed(
  opening: Promise<OpenedPack> | OpenedPack,
  mode: SideBandMode,
  options: PackSenderOptions,
): AsyncGenerator<Uint8Array> {
  const tell = (text: string) => options.progress ? [frameSideBandText(2, text, { mode })] : [];
  const keepAlive = keepAlivePkt();
  const pack = opening instanceof Promise
    ? yield* liveTask(() => opening, { clock: options.clock, keepAlive })
    : opening;
  yield* tell(`Enumerating objects: ${pack.objectCount}, done.\n`);
  let framedBytes = 0;
  for await (const chunk of pack.chunks) {
    framedBytes += chunk.length;
    yield chunk;
  }
  const bytes = packBytesWithin(framedBytes, mode);
  yield* tell(`Total ${pack.objectCount} objects in ${bytes} bytes\n`);
}

/**
 * Sends a pack, or one that is still in the making. A flush after it and closing it is the caller's.
 */
export async function* sendPack(
  opening: Promise<OpenedPack> | OpenedPack,
  options: PackSenderOptions,
): AsyncGenerator<Uint8Array> {
  const mode = options.sideBand;
  let failed: unknown;
  try {
    if (mode === undefined) yield* (await opening).chunks;
    else yield* sendFramed(opening, mode, options);
    return;
  } catch (error) {
    failed = error;
  }
  if (mode !== undefined) yield frameSideBandText(3, `${shownError(failed)}\n`, { mode });
  throw failed;
}

/** Closes a pack that nobody will read (on). */
export function closeWhenOpen(opening: Promise<OpenedPack>): void {
  // A pack that could not be opened has nothing to close.
  opening.then((pack) => pack.close(), () => undefined);
}
