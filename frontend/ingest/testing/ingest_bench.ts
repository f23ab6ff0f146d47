/**
 * An ingest to be called with a pack, with a network in memory and a scratch directory of its own.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import { FileDisk } from "@gitstratum/core/disk";
import type { ObjectFormat, Oid } from "@gitstratum/core/git";
import { type IngestResult, PackIngest, type PackIngestRequest } from "../mod.ts";
import { NetworkFake } from "./network_fake.ts";

/** A network, an ingest into it, and the scratch directory between them. */
export class IngestBench implements Disposable {
  /** Where packs end up. */
  readonly network: NetworkFake;
  /** What is tried. */
  readonly ingest: PackIngest;
  /** Its scratch directory. */
  readonly directory: string;

  /** Makes a bench. */
  constructor(format: ObjectFormat = "sha1") {
    this.network = new NetworkFake(format);
    this.directory = Deno.makeTempDirSync({ prefix: "ingest-scratch-" });
    this.ingest = this.restart();
  }

  /** Another ingest over the same directory, as after a restart of the process. */
  restart(): PackIngest {
    return new PackIngest({
      metadata: this.network,
      extents: this.network.extents,
      disk: new FileDisk(this.directory),
      scratchDirectory: this.directory,
      random: { bytes: (count) => new Uint8Array(randomBytes(count)) },
    });
  }

  /** Takes a pack in. */
  take(
    pack: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
    tips: readonly string[] = [],
    options: Pick<PackIngestRequest, "progress" | "signal"> = {},
  ): Promise<IngestResult> {
    return this.ingest.ingest({
      pack: pack instanceof ReadableStream ? pack : new Blob([pack]).stream(),
      repository: this.network.repository,
      tips: tips.map((oid) => ({ newOid: oid as Oid })),
      ...options,
    });
  }

  /** Names in the scratch directory: none while nothing runs. */
  leftovers(): string[] {
    return [...Deno.readDirSync(this.directory)].map((entry) => entry.name);
  }

  /** Removes the scratch directory. */
  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}
