/**
 * The server side of clone and fetch: advertisements, `ls-refs`, negotiation, the pack. Protocol
 * versions 0, 1 and 2, over stateless transports (each request on its own) and stateful ones.
 *
 * What a client did wrong is answered in git's own words as an `ERR` packet. What the server could not
 * do is thrown while nothing has been sent, told on side band 3 inside a pack, and always breaks the
 * stream.
 *
 * @module
 */

import { type Clock, hasCode, WAIT_IS_OVER } from "@gitstratum/core";
import {
  acknowledge,
  advertiseReferences,
  advertiseV2,
  bundleUriResponse,
  checkRefused,
  errorPkt,
  excerpt,
  type FetchRequest,
  fetchStart,
  flushPkt,
  type HaveInput,
  HaveRounds,
  keepAlivePkt,
  lsRefsResponse,
  notOurRef,
  objectInfoResponse,
  packSections,
  PktLineReader,
  protocolError,
  type ProtocolVersion,
  readBundleUriRequest,
  readCommandRequest,
  readFetchRequest,
  readLsRefsRequest,
  readObjectInfoRequest,
  readUploadRequest,
  type ReceivedFetch,
  resolveFilter,
  shallowUpdate,
  uploadPackCapabilities,
  type UploadPackFeatures,
  type UploadRequest,
} from "@gitstratum/core/protocol";
import { isOid, type Oid } from "@gitstratum/core/git";
import type { OfferedBundle, RepositoryInfo, ShallowBoundary } from "@gitstratum/core/rpc";
import { NamedObjects } from "../archive/named_objects.ts";
import { TreeObjects, type TreeObjectsOptions } from "../archive/tree_objects.ts";
import type { OpenedPack } from "../pack_cache/opened_pack.ts";
import type { BundleOffers } from "./bundle_offers.ts";
import { KEEP_ALIVE_MS } from "./live_task.ts";
import { closeWhenOpen, sendPack } from "./pack_sender.ts";
import { packfileOffer } from "./packfile_offer.ts";
import { type PackCircumstances, PackSource, type PackSourceOptions } from "./pack_source.ts";
import type { ConversationEnd } from "./session.ts";
import { settledSoon } from "./settled_soon.ts";
import { isCallersFault, shownError } from "./shown_error.ts";

/** What upload-pack sessions work with. */
export interface UploadPackOptions extends PackSourceOptions {
  readonly clock: Clock;
  /** What the server calls itself to clients, e.g. `gitstratum/0.1.0`. */
  readonly agent: string;
  /** Draws an id that names one session in the logs of both sides; absent = none is told. */
  readonly newSessionId?: () => string;
  /** What every repository can do; what one offers besides is in its settings. */
  readonly features: UploadPackFeatures;
  readonly bundles: BundleOffers;
  /** Reads the trees in which a filter names a blob. */
  readonly rebuilder: TreeObjectsOptions["rebuilder"];
}

/** How one client talks. */
export interface UploadPackConversation {
  readonly version: ProtocolVersion;
  /** Each request is answered on its own (HTTP). */
  readonly stateless: boolean;
  readonly signal: AbortSignal;
}

const NO_BOUNDARY: ShallowBoundary = { shallow: [], unshallow: [] };

/** A conversation about one repository. */
export class UploadPackSession {
  readonly #options: UploadPackOptions;
  readonly #repository: RepositoryInfo;
  readonly #conversation: UploadPackConversation;
  /** From then on failures are told inside the pack. */
  #packBegun = false;

  /** Makes a session. */
  constructor(
    options: UploadPackOptions,
    repository: RepositoryInfo,
    conversation: UploadPackConversation,
  ) {
    this.#options = options;
    this.#repository = repository;
    this.#conversation = conversation;
  }

  /** What the server says first: references and capabilities, or in version 2 capabilities only. */
  async *advertise(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const { agent, features, metadata, newSessionId } = this.#options;
    const { version, stateless } = this.#conversation;
    const { objectFormat } = this.#repository;
    const sessionId = newSessionId === undefined ? {} : { sessionId: newSessionId() };
    if (version === 2) {
      const bundleUri = (await this.#bundles()).length > 0;
      const shown = { ...this.#features, bundleUri };
      yield advertiseV2(shown, { objectFormat, agent, ...sessionId });
      return;
    }
    const listing = await metadata.listReferences(this.#repository, { prefixes: [] });
    const { oid, target } = listing.head;
    const head = oid === undefined ? {} : { head: target };
    const capabilities = uploadPackCapabilities(features, {
      objectFormat,
      agent,
      stateless,
      ...head,
      ...sessionId,
    });
    yield* advertiseReferences(listing, {
      version,
      capabilities,
      objectFormat,
    });
  }

  get #features(): UploadPackFeatures {
    const repository = this.#repository;
    const { features, bundles } = this.#options;
    return {
      ...features,
      bundleUri: bundles.mayOffer(repository, this.#conversation.stateless),
      packfileUris: repository.settings.packfileUris.length > 0,
    };
  }

  #bundles(): Promise<readonly OfferedBundle[]> {
    return this.#options.bundles.list(this.#repository, this.#conversation.stateless);
  }

  /** Answers what the client sends: one request when stateless, else all until it is done. */
  async *respond(
    body: ReadableStream<Uint8Array>,
  ): AsyncGenerator<Uint8Array, ConversationEnd> {
    const reader = new PktLineReader(body);
    try {
      if (this.#conversation.version === 2) yield* this.#serveCommands(reader);
      else yield* this.#serveUpload(reader);
      return "answered";
    } catch (error) {
      if (!isCallersFault(error) || this.#packBegun) throw error;
      yield errorPkt(shownError(error));
      return "refused";
    }
  }

  async *#serveCommands(reader: PktLineReader): AsyncGenerator<Uint8Array> {
    const { objectInfo, bundleUri } = this.#features;
    const { objectFormat } = this.#repository;
    const commands = [
      "ls-refs",
      "fetch",
      ...(objectInfo ? ["object-info" as const] : []),
      ...(bundleUri ? ["bundle-uri" as const] : []),
    ] as const;
    for (;;) {
      const request = await readCommandRequest(reader, { objectFormat, commands });
      switch (request?.command) {
        case undefined:
          return;
        case "ls-refs":
          yield* this.#listReferences(reader);
          break;
        case "fetch":
          yield* this.#fetch(reader);
          break;
        case "object-info":
          yield* this.#objectInfo(reader);
          break;
        case "bundle-uri":
          await readBundleUriRequest(reader);
          yield bundleUriResponse(await this.#bundles());
      }
      if (this.#conversation.stateless) return;
    }
  }

  async *#listReferences(reader: PktLineReader): AsyncGenerator<Uint8Array> {
    const request = await readLsRefsRequest(reader);
    const { prefixes } = request;
    const listing = await this.#options.metadata.listReferences(this.#repository, { prefixes });
    yield* lsRefsResponse(listing, request);
  }

  async *#objectInfo(reader: PktLineReader): AsyncGenerator<Uint8Array> {
    const request = await readObjectInfoRequest(reader, this.#repository.objectFormat);
    const { oids } = request;
    const located = await this.#options.metadata.locate(this.#repository, {
      oids,
      scope: "visible",
    });
    yield objectInfoResponse(request, new Map(located.map(({ oid, size }) => [oid, size])));
  }

  async *#fetch(reader: PktLineReader): AsyncGenerator<Uint8Array> {
    const features = this.#features;
    const { objectFormat } = this.#repository;
    const received = await readFetchRequest(reader, { objectFormat, features });
    const request = await this.#resolved(received);
    const start = fetchStart(request);
    if (start === "nothing") return;
    const wantedRefs = await this.#wantedRefs(request.wantRefs);
    const wants = [...new Set([...request.wants, ...wantedRefs.map(({ oid }) => oid)])];
    const full = { ...request, wants };
    if (start === "negotiate") {
      const { haves, clientShallow } = request;
      const question = { wants, haves, clientShallow };
      const result = await this.#options.metadata.negotiate(this.#repository, question);
      const { bytes, pack } = acknowledge(request, result);
      yield bytes;
      if (!pack) return;
    }
    const boundary = await this.#boundary(full);
    const { metadata } = this.#options;
    const { uriProtocols } = received;
    const offer = await packfileOffer(metadata, this.#repository, { ...full, uriProtocols });
    const asked = offer === undefined ? full : { ...full, haves: [offer.oid], thinPack: false };
    yield* this.#sendPack(asked, {
      boundary,
      mode: "side-band-64k",
      areWantsChecked: start === "negotiate" || full.depth !== undefined,
      head: packSections(request, { boundary, wantedRefs, offeredPacks: offer?.packs ?? [] }),
    });
    yield flushPkt();
  }

  /** The request with ids for what its filter names. */
  async #resolved({ filter, ...request }: ReceivedFetch): Promise<FetchRequest> {
    if (filter === undefined) return request;
    const { metadata, rebuilder } = this.#options;
    const { signal } = this.#conversation;
    const objects = new TreeObjects(this.#repository, { metadata, rebuilder, signal });
    const named = new NamedObjects(this.#repository, metadata, objects);
    return { ...request, filter: await resolveFilter(filter, (name) => named.find(name)) };
  }

  /** Values of references asked by name. @throws `denied` when one is unknown */
  async #wantedRefs(
    names: readonly string[],
  ): Promise<{ readonly name: string; readonly oid: Oid }[]> {
    if (names.length === 0) return [];
    const query = { prefixes: names };
    const listing = await this.#options.metadata.listReferences(this.#repository, query);
    const found = new Map<string, Oid>();
    if (listing.head.oid !== undefined) found.set("HEAD", listing.head.oid);
    for await (const batch of listing.references) {
      for (const { name, oid } of batch) found.set(name, oid);
    }
    return names.map((name) => {
      const oid = found.get(name);
      if (oid === undefined) throw unknownRef(name);
      return { name, oid };
    });
  }

  async *#serveUpload(reader: PktLineReader): AsyncGenerator<Uint8Array> {
    const { features } = this.#options;
    const { objectFormat } = this.#repository;
    const received = await readUploadRequest(reader, { objectFormat, features });
    if (received === undefined) return;
    const upload = { ...received, request: await this.#resolved(received.request) };
    const boundary = await this.#boundary(upload.request);
    if (upload.request.depth === undefined) await this.#checkWants(upload.request);
    else yield shallowUpdate(boundary);
    const haves = yield* this.#haveRounds(reader, upload);
    if (haves === undefined) return;
    const mode = upload.sideBand;
    const request = { ...upload.request, haves };
    yield* this.#sendPack(request, { boundary, mode, areWantsChecked: true });
    if (mode !== undefined) yield flushPkt();
  }

  /**
   * Refuses wants before anything else is said: behind the `NAK` of a client without haves an `ERR`
   * would be taken for a side band.
   */
  async #checkWants({ wants, clientShallow }: FetchRequest): Promise<void> {
    const question = { wants, haves: [], clientShallow };
    checkRefused(await this.#options.metadata.negotiate(this.#repository, question));
  }

  /** Negotiates; returns the common commits, or undefined when no pack is to follow. */
  async *#haveRounds(
    reader: PktLineReader,
    upload: Pick<UploadRequest, "multiAck" | "noDone"> & { readonly request: FetchRequest },
  ): AsyncGenerator<Uint8Array, readonly Oid[] | undefined> {
    const { multiAck, noDone, request } = upload;
    const { stateless } = this.#conversation;
    const { objectFormat } = this.#repository;
    const rounds = new HaveRounds({ objectFormat, multiAck, noDone, stateless });
    let input: HaveInput = { kind: "packet", packet: await reader.read() };
    for (;;) {
      const output = rounds.step(input);
      if (output.kind === "ask") {
        const { wants, clientShallow } = request;
        const question = { wants, haves: output.haves, clientShallow };
        const result = await this.#options.metadata.negotiate(this.#repository, question);
        input = { kind: "answer", result };
        continue;
      }
      if (output.kind === "reply") {
        if (output.bytes.length > 0) yield output.bytes;
        if (output.next === "end") return undefined;
        if (output.next === "pack") return rounds.common;
      }
      input = { kind: "packet", packet: await reader.read() };
    }
  }

  async #boundary(request: FetchRequest): Promise<ShallowBoundary> {
    const { wants, clientShallow, depth } = request;
    if (depth === undefined) return NO_BOUNDARY;
    const question = { wants, clientShallow, depth };
    try {
      return await this.#options.metadata.deepen(this.#repository, question);
    } catch (error) {
      throw inGitsWords(error);
    }
  }

  /** A pack in the making. Whoever awaits it sees its failure, in git's words. */
  #opening(request: FetchRequest, circumstances: PackCircumstances): Promise<OpenedPack> {
    const source = new PackSource(this.#options);
    const opening = source.open(this.#repository, request, circumstances).catch((error) => {
      throw inGitsWords(error);
    });
    // Until somebody awaits it, a failure must not crash the process.
    opening.catch(() => undefined);
    return opening;
  }

  /**
   * Waits a while for a pack, so that a want which is refused is answered before the pack's section
   * begins; later failures are told inside that section. Undefined when it takes longer.
   */
  async #opened(opening: Promise<OpenedPack>): Promise<OpenedPack | undefined> {
    if (await settledSoon(opening)) return await opening;
    const timer = new AbortController();
    const slow = this.#options.clock.sleep(KEEP_ALIVE_MS, timer.signal).catch(() => undefined);
    const first = await Promise.race([opening, slow]);
    timer.abort(WAIT_IS_OVER);
    return first ?? undefined;
  }

  /** Sends a pack behind what comes before it. */
  async *#sendPack(
    request: FetchRequest,
    options: Omit<PackCircumstances, "signal"> & { readonly head?: Uint8Array },
  ): AsyncGenerator<Uint8Array> {
    const { clock } = this.#options;
    const { signal } = this.#conversation;
    const { mode, head } = options;
    const opening = this.#opening(request, { ...options, signal });
    const opened = await this.#opened(opening);
    try {
      // Either breaks the first silence.
      if (head !== undefined) yield head;
      else if (opened === undefined && mode !== undefined) yield keepAlivePkt();
      this.#packBegun = true;
      const progress = !request.noProgress;
      const sideBand = mode === undefined ? {} : { sideBand: mode };
      yield* sendPack(opened ?? opening, { clock, progress, ...sideBand });
    } finally {
      closeWhenOpen(opening);
    }
  }
}

/** A refused want as git's clients know it. */
function inGitsWords(error: unknown): unknown {
  const oid = hasCode(error, "denied") ? error.data.oid : undefined;
  return typeof oid === "string" && isOid(oid) ? notOurRef(oid) : error;
}

function unknownRef(name: string): Error {
  return protocolError(`unknown ref ${excerpt(name)}`, "denied");
}
