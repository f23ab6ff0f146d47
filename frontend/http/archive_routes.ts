/**
 * Archives by address: `/owner/name/archive/<treeish>.<format>`.
 *
 * @module
 */

import { type Context, Hono } from "@hono/hono";
import type { ClientTurns, StalledStreams } from "../admission/stalled_streams.ts";
import type { Authenticator } from "../access/authenticator.ts";
import { parseArchiveFile } from "../archive/archive_file.ts";
import type { ArchiveFormat } from "../archive/archive_request.ts";
import type { ArchiveDownload, ArchiveDownloads } from "../session/archive_downloads.ts";
import {
  abortOf,
  callerOf,
  methodRefused,
  movedAnswer,
  repositoryNameOf,
} from "./client_request.ts";
import { textAnswer } from "./error_answer.ts";
import { streamedResponse } from "./streamed_response.ts";

/** What the routes work with. */
export interface ArchiveRoutesOptions {
  /** Finds and makes archives. */
  readonly archives: Pick<ArchiveDownloads, "open">;
  /** Finds out who asks. */
  readonly authenticator: Authenticator;
  /** Ends streams that stall; absent = clients may take their time. */
  readonly streams?: StalledStreams;
  /** Told of failures that the client saw as a broken stream. */
  onFailure(error: unknown, facts: { readonly service: string; readonly name: string }): void;
}

const MEDIA_TYPES: Readonly<Record<ArchiveFormat, string>> = {
  "tar": "application/x-tar",
  "tar.gz": "application/gzip",
  "tgz": "application/gzip",
  "zip": "application/zip",
};

/** The routes of archives below `/:owner/:name`. */
export class ArchiveRoutes {
  readonly #options: ArchiveRoutesOptions;

  /** Makes the routes. */
  constructor(options: ArchiveRoutesOptions) {
    this.#options = options;
  }

  /** The routes as an app, to be mounted at `/`. */
  app(): Hono {
    const app = new Hono();
    const path = "/:owner/:name/archive/:file{.+}";
    app.get(path, (context) => this.#download(context));
    app.all(path, () => methodRefused("GET, HEAD"));
    return app;
  }

  async #download(context: Context): Promise<Response> {
    const name = repositoryNameOf(context);
    const file = parseArchiveFile(context.req.param("file") ?? "");
    if (file === undefined) return textAnswer("Not found", 404);
    const abort = abortOf(context);
    const caller = await callerOf(context, abort, this.#options.authenticator);
    const download = await this.#options.archives.open(name, file, caller);
    if (download.repository !== name) return movedAnswer(context, download.repository);
    const headers = headersOf(download);
    if (matches(context.req.header("if-none-match"), headers.etag)) {
      return new Response(null, { status: 304, headers });
    }
    // The bytes are not made for who does not take them.
    if (context.req.method === "HEAD") return new Response(null, { headers });
    return await streamedResponse(download.bytes(), {
      headers,
      abort,
      turns: this.#turns(abort),
      onFailure: (error) => this.#options.onFailure(error, { service: "archive", name }),
    });
  }

  #turns(abort: AbortController): ClientTurns | undefined {
    return this.#options.streams?.watch((reason) => abort.abort(reason));
  }
}

/** A client may keep an archive and asks each time whether it is still the same; shared caches do not. */
function headersOf({ format, fileName, tag }: ArchiveDownload): Record<string, string> {
  return {
    "content-type": MEDIA_TYPES[format],
    "content-disposition": `attachment; filename="${fileName}"`,
    "x-content-type-options": "nosniff",
    "accept-ranges": "none",
    "cache-control": tag === undefined ? "private, no-store" : "private, no-cache",
    ...(tag === undefined ? {} : { etag: `"${tag}"` }),
  };
}

/** Whether a list of entity tags names this one (RFC 9110, section 13.1.2). */
function matches(list: string | undefined, etag: string | undefined): boolean {
  if (list === undefined || etag === undefined) return false;
  if (list.trim() === "*") return true;
  return list.split(",").some((each) => each.trim().replace(/^W\//, "") === etag);
}
