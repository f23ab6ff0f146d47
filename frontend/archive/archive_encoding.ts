/**
 * The bytes of an archive in one of the formats that are offered.
 *
 * @module
 */

import { constants, createGzip } from "node:zlib";
import type { ArchiveEntry, ArchiveFacts } from "./archive_entry.ts";
import type { ArchiveFormat } from "./archive_request.ts";
import { compressed } from "./compressed.ts";
import { writeTar } from "./tar_writer.ts";
import { writeZip } from "./zip_writer.ts";

/** Archive bytes that make one write: an archive of small files is made of headers and padding. */
const BATCH_BYTES = 64 * 1024;

/** An archive of entries, in runs that are worth a write of their own. */
export async function* encodeArchive(
  entries: AsyncIterable<ArchiveEntry>,
  facts: ArchiveFacts,
  options: {
    readonly format: ArchiveFormat;
    /** 0 to 9; the format's usual level when absent. */
    readonly level?: number;
  },
): AsyncGenerator<Uint8Array> {
  const batch = new Uint8Array(BATCH_BYTES);
  let length = 0;
  for await (const piece of encoded(entries, facts, options)) {
    if (length + piece.length > BATCH_BYTES) {
      if (length > 0) yield batch.slice(0, length);
      length = 0;
    }
    if (piece.length > BATCH_BYTES) {
      yield piece;
    } else {
      batch.set(piece, length);
      length += piece.length;
    }
  }
  if (length > 0) yield batch.slice(0, length);
}

function encoded(
  entries: AsyncIterable<ArchiveEntry>,
  facts: ArchiveFacts,
  { format, level }: { readonly format: ArchiveFormat; readonly level?: number },
): AsyncIterable<Uint8Array> {
  switch (format) {
    case "tar":
      return writeTar(entries, facts);
    case "tgz":
    case "tar.gz": {
      const gzip = createGzip({ level: level ?? constants.Z_DEFAULT_COMPRESSION });
      return compressed(writeTar(entries, facts), gzip);
    }
    case "zip":
      return writeZip(entries, facts, level === undefined ? {} : { level });
  }
}
