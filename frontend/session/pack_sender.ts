/**
 * Sends the pack of a recipe: progress, keep-alives and pack bytes on side bands, or the bare bytes to
 * clients that know no side band.
 *
 * A failure is told on band 3, then thrown: the transport must break the stream, never end it (P8).
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";
import {
  frameSideBand,
  frameSideBandText,
  keepAlivePkt,
  type SideBandMode,
} from "@gitstratum/core/protocol";
import type { Recipe } from "@gitstratum/core/recipe";
import { packStream, type PackStreamOptions } from "../pack_assembly/pack_stream.ts";
import { liveTask } from "./live_task.ts";
import { shownError } from "./shown_error.ts";

/** How a pack is sent. */
export interface PackSenderOptions extends PackStreamOptions {
  readonly clock: Clock;
  /** Absent for clients that take the bare pack. */
  readonly sideBand?: SideBandMode;
  /** The client wants to be told how it goes. */
  readonly progress: boolean;
}

async function* sendFramed(
  recipe: Promise<Recipe>,
  mode: SideBandMode,
  options: PackSenderOptions,
): AsyncGenerator<Uint8Array> {
  const tell = (text: string) => options.progress ? [frameSideBandText(2, text, { mode })] : [];
  const keepAlive = keepAlivePkt();
  const { header, steps } = yield* liveTask(() => recipe, { clock: options.clock, keepAlive });
  yield* tell(`Enumerating objects: ${header.objectCount}, done.\n`);
  let bytes = 0;
  for await (const chunk of packStream({ header, steps }, options)) {
    bytes += chunk.length;
    yield frameSideBand(1, chunk, { mode });
  }
  yield* tell(`Total ${header.objectCount} objects in ${bytes} bytes\n`);
}

/** Sends the pack of a recipe that may still be in the making. A flush after it is the caller's. */
export async function* sendPack(
  recipe: Promise<Recipe>,
  options: PackSenderOptions,
): AsyncGenerator<Uint8Array> {
  const mode = options.sideBand;
  let failed: unknown;
  try {
    if (mode === undefined) yield* packStream(await recipe, options);
    else yield* sendFramed(recipe, mode, options);
    return;
  } catch (error) {
    failed = error;
  } finally {
    // A client that went away during the planning leaves a recipe that nobody will read.
    recipe.then(({ steps }) => steps[Symbol.asyncIterator]().return?.()).catch(() => undefined);
  }
  if (mode !== undefined) yield frameSideBandText(3, `${shownError(failed)}\n`, { mode });
  throw failed;
}
