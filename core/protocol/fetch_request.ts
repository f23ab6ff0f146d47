/**
 * What a client asks to fetch, in all versions of the protocol, and the arguments of `fetch` in v2.
 *
 * @module
 */

import type { ObjectFilter } from "../git/object_filter.ts";
import { isOid, type ObjectFormat, type Oid } from "../git/oid.ts";
import { HAVE_COUNT_MAX, WANT_COUNT_MAX } from "../limits.ts";
import type { Depth } from "../rpc/metadata/metadata.ts";
import type { UploadPackFeatures } from "./capabilities.ts";
import { readArguments } from "./command_request.ts";
import {
  parseObjectFilter,
  parseScaledNumber,
  type RequestedFilter,
} from "./object_filter_parser.ts";
import type { PktLineReader } from "./pkt_line_reader.ts";
import { excerpt, protocolError } from "./protocol_error.ts";

/** What a client asks to fetch. Lists of ids are in the client's order, without duplicates. */
export interface FetchRequest {
  /** Objects that the client wants. */
  readonly wants: readonly Oid[];
  /** Full reference names (v2). */
  readonly wantRefs: readonly string[];
  /** In v0 and v1 haves come later, in rounds. */
  readonly haves: readonly Oid[];
  /** The client waits for the pack, whatever is common. */
  readonly done: boolean;
  /** Commits that the client holds without their parents. */
  readonly clientShallow: readonly Oid[];
  /** How deep history is to be cut. */
  readonly depth?: Depth;
  /** What the client leaves out. */
  readonly filter?: ObjectFilter;
  /** Deltas against objects that the client has are welcome. */
  readonly thinPack: boolean;
  /** Offset deltas are welcome. */
  readonly ofsDelta: boolean;
  /** Annotated tags come along with what they point at. */
  readonly includeTag: boolean;
  /** Side band 2 stays silent. */
  readonly noProgress: boolean;
  /** Never say that enough is common (v2). */
  readonly waitForDone: boolean;
  /** Frame every section in side bands (v2). */
  readonly sidebandAll: boolean;
}

/** A request as it was read: what it names is not looked up yet. */
export interface ReceivedFetch extends Omit<FetchRequest, "filter"> {
  /** What the client leaves out, perhaps by the name of a blob. */
  readonly filter?: RequestedFilter;
  /** Schemes of addresses from which the client would fetch packs itself (v2); none by default. */
  readonly uriProtocols: readonly string[];
}

const INT_MAX = 0x7fffffff;

/** Gathers a {@link ReceivedFetch} line by line. */
export class FetchRequestBuilder {
  /** Objects wanted so far. */
  readonly wants: Set<Oid> = new Set();
  /** Objects that the client has, so far. */
  readonly haves: Set<Oid> = new Set();
  /** References wanted so far. */
  readonly wantRefs: Set<string> = new Set();
  /** Arguments and capabilities without a value. */
  readonly flags: Set<string> = new Set();
  readonly #shallow = new Set<Oid>();
  readonly #deepenNot = new Set<string>();
  #deepen: number | undefined;
  #deepenSinceS: number | undefined;
  #filter: RequestedFilter | undefined;
  #uriProtocols: readonly string[] | undefined;
  readonly #format: ObjectFormat;

  /** A builder for a repository of the given format. */
  constructor(format: ObjectFormat) {
    this.#format = format;
  }

  /** Adds a want. @throws `exhausted` beyond the limit */
  want(oid: Oid): void {
    this.wants.add(oid);
    if (this.wants.size > WANT_COUNT_MAX) throw protocolError("too many wants", "exhausted");
  }

  /** Adds a have. @throws `exhausted` beyond the limit */
  have(oid: Oid): void {
    this.haves.add(oid);
    if (this.haves.size > HAVE_COUNT_MAX) throw protocolError("too many haves", "exhausted");
  }

  /** Takes `shallow`, `deepen`, `deepen-since` and `deepen-not` lines; whether it was one. */
  depthLine(line: string): boolean {
    const space = line.indexOf(" ");
    const value = line.slice(space + 1);
    switch (space < 0 ? "" : line.slice(0, space)) {
      case "shallow":
        this.#addShallow(line, value);
        return true;
      case "deepen":
        this.#deepen = parseCount(value, INT_MAX);
        if (!this.#deepen) throw protocolError(`Invalid deepen: ${excerpt(line)}`);
        return true;
      case "deepen-since":
        this.#deepenSinceS = parseCount(value, Number.MAX_SAFE_INTEGER);
        if (this.#deepenSinceS === undefined) {
          throw protocolError(`Invalid deepen-since: ${excerpt(line)}`);
        }
        return true;
      case "deepen-not":
        this.#deepenNot.add(value);
        if (this.#deepenNot.size > WANT_COUNT_MAX) {
          throw protocolError("too many deepen-not lines", "exhausted");
        }
        return true;
      default:
        return false;
    }
  }

  /** Takes the text of a filter. @throws `invalid` when it is malformed or the second one */
  filter(spec: string): void {
    if (this.#filter !== undefined) throw protocolError("multiple filter-specs cannot be combined");
    this.#filter = parseObjectFilter(spec, this.#format);
  }

  /** Takes a list of schemes. @throws `invalid` when it is the second one */
  packfileUris(list: string): void {
    if (this.#uriProtocols !== undefined) {
      throw protocolError("multiple packfile-uris lines forbidden");
    }
    this.#uriProtocols = list.split(",");
  }

  /** The request. @throws `invalid` when its parts contradict each other */
  build(): ReceivedFetch {
    const depth = this.#depth();
    return {
      wants: [...this.wants],
      wantRefs: [...this.wantRefs],
      haves: [...this.haves],
      done: this.flags.has("done"),
      clientShallow: [...this.#shallow],
      ...(depth === undefined ? {} : { depth }),
      ...(this.#filter === undefined ? {} : { filter: this.#filter }),
      thinPack: this.flags.has("thin-pack"),
      ofsDelta: this.flags.has("ofs-delta"),
      includeTag: this.flags.has("include-tag"),
      noProgress: this.flags.has("no-progress"),
      waitForDone: this.flags.has("wait-for-done"),
      sidebandAll: this.flags.has("sideband-all"),
      uriProtocols: this.#uriProtocols ?? [],
    };
  }

  #addShallow(line: string, value: string): void {
    if (!isOid(value, this.#format)) throw protocolError(`invalid shallow line: ${excerpt(line)}`);
    this.#shallow.add(value);
    if (this.#shallow.size > HAVE_COUNT_MAX) {
      throw protocolError("too many shallow lines", "exhausted");
    }
  }

  #depth(): Depth | undefined {
    const excludes = this.#deepenSinceS !== undefined || this.#deepenNot.size > 0;
    if (this.#deepen !== undefined) {
      if (excludes) {
        throw protocolError(
          "git upload-pack: deepen and deepen-since (or deepen-not) cannot be used together",
        );
      }
      const relative = this.flags.has("deepen-relative");
      return { kind: "commits", depth: this.#deepen, relative };
    }
    if (!excludes) return undefined;
    const since = this.#deepenSinceS === undefined ? {} : { sinceS: this.#deepenSinceS };
    return { kind: "exclude", ...since, not: [...this.#deepenNot] };
  }
}

/** A number in C notation, at most `max`. */
function parseCount(text: string, max: number): number | undefined {
  if (/[kmg]$/i.test(text)) return undefined;
  const value = parseScaledNumber(text);
  return value !== undefined && value <= max ? value : undefined;
}

const FLAGS: ReadonlySet<string> = new Set([
  "thin-pack",
  "ofs-delta",
  "no-progress",
  "include-tag",
  "done",
  "wait-for-done",
]);

/** What the reader of a request needs to know. */
export interface FetchRequestOptions {
  /** Format of the repository. */
  readonly objectFormat: ObjectFormat;
  /** What was advertised: nothing else is taken. */
  readonly features: UploadPackFeatures;
}

function addArgument(
  builder: FetchRequestBuilder,
  line: string,
  options: FetchRequestOptions,
): void {
  const { objectFormat, features } = options;
  const space = line.indexOf(" ");
  const value = line.slice(space + 1);
  switch (space < 0 ? line : line.slice(0, space)) {
    case "want":
      if (isOid(value, objectFormat)) return builder.want(value);
      throw protocolError(
        `git upload-pack: protocol error, expected to get oid, not '${excerpt(line)}'`,
      );
    case "have":
      if (isOid(value, objectFormat)) return builder.have(value);
      throw protocolError(`git upload-pack: expected SHA1 object, got '${excerpt(value)}'`);
    case "want-ref":
      if (!features.refInWant) break;
      if (builder.wantRefs.has(value)) throw protocolError(`duplicate want-ref ${excerpt(value)}`);
      builder.wantRefs.add(value);
      if (builder.wantRefs.size > WANT_COUNT_MAX) {
        throw protocolError("too many wants", "exhausted");
      }
      return;
    case "filter":
      if (features.filter) return builder.filter(value);
      break;
    case "sideband-all":
      if (!features.sidebandAll) break;
      builder.flags.add(line);
      return;
    case "packfile-uris":
      if (features.packfileUris && space > 0) return builder.packfileUris(value);
      break;
    case "deepen-relative":
      if (!features.shallow) break;
      builder.flags.add(line);
      return;
    default:
      if (FLAGS.has(line)) return void builder.flags.add(line);
      if (features.shallow && builder.depthLine(line)) return;
  }
  throw protocolError(`unexpected line: '${excerpt(line)}'`);
}

/**
 * Reads the arguments of a v2 `fetch`, flush included.
 *
 * @throws `invalid` when one is malformed or was not offered
 * @throws `exhausted` when there are too many
 */
export async function readFetchRequest(
  reader: PktLineReader,
  options: FetchRequestOptions,
): Promise<ReceivedFetch> {
  const builder = new FetchRequestBuilder(options.objectFormat);
  await readArguments(reader, {
    command: "fetch",
    add: (line) => addArgument(builder, line, options),
  });
  return builder.build();
}
