/**
 * Negotiation of common commits as pure state machines. The metadata cluster knows which haves are
 * common; these machines know what to ask it and what to tell the client.
 *
 * A session reads packets, feeds them to {@link HaveRounds} (v0, v1) or {@link fetchStart} (v2), asks
 * the metadata cluster when told to, and writes what comes back. Checked against transcripts of git's
 * own upload-pack.
 *
 * @module
 */

import { assert, unreachable } from "../assert.ts";
import { isOid, type ObjectFormat, type Oid } from "../git/oid.ts";
import { HAVE_COUNT_MAX } from "../limits.ts";
import type { NegotiateResult, ShallowBoundary } from "../rpc/metadata/metadata.ts";
import type { OfferedPack } from "../rpc/repository/offered_download.ts";
import type { FetchRequest } from "./fetch_request.ts";
import { type PktLine, PktLineBuffer, pktText } from "./pkt_line.ts";
import { excerpt, notOurRef, protocolError } from "./protocol_error.ts";
import { frameSideBand } from "./side_band.ts";
import type { MultiAck } from "./upload_request.ts";

/** What a v2 fetch begins with. */
export type FetchStart =
  /** Nothing is asked for: the response is empty. */
  | "nothing"
  /** Ask which haves are common, then {@link acknowledge}. */
  | "negotiate"
  /** Send the pack at once. */
  | "pack";

/** Decides how a v2 fetch begins. */
export function fetchStart(
  request: Pick<FetchRequest, "wants" | "wantRefs" | "haves" | "waitForDone" | "done">,
): FetchStart {
  const wanting = request.wants.length + request.wantRefs.length > 0;
  if (!wanting && !request.waitForDone) return "nothing";
  return request.haves.length > 0 && !request.done ? "negotiate" : "pack";
}

/** Fails when a want was refused, with git's text. @throws `denied` */
export function checkRefused(result: NegotiateResult): void {
  const refused = result.refused[0];
  if (refused !== undefined) throw notOurRef(refused);
}

/**
 * The acknowledgments section of a v2 response. When `pack` is set, a delimiter ends it and the pack's
 * sections follow; else a flush ends the whole response and the client asks again.
 *
 * @throws `denied` when a want was refused
 */
export function acknowledge(
  request: Pick<FetchRequest, "waitForDone" | "sidebandAll">,
  result: NegotiateResult,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly pack: boolean } {
  checkRefused(result);
  const section = new FetchSections(request);
  section.line("acknowledgments\n");
  if (result.common.length === 0) section.line("NAK\n");
  for (const oid of result.common) section.line(`ACK ${oid}\n`);
  const pack = result.ready && !request.waitForDone;
  if (pack) section.line("ready\n").buffer.delim();
  else section.buffer.flush();
  return { bytes: section.buffer.take(), pack };
}

/** What stands between the acknowledgments and the pack's bytes in a v2 response. */
export function packSections(
  request: Pick<FetchRequest, "depth" | "clientShallow" | "sidebandAll">,
  facts: {
    /** Where history ends for the client; needed when a depth was asked or the client is shallow. */
    readonly boundary: ShallowBoundary;
    /** Values of the references asked by name, in the order asked. */
    readonly wantedRefs: readonly { readonly name: string; readonly oid: Oid }[];
    /** Packs that the client is to fetch besides; none when absent. */
    readonly offeredPacks?: readonly OfferedPack[];
  },
): Uint8Array<ArrayBuffer> {
  const section = new FetchSections(request);
  if (request.depth !== undefined || request.clientShallow.length > 0) {
    section.line("shallow-info\n");
    for (const oid of facts.boundary.shallow) section.line(`shallow ${oid}`);
    for (const oid of facts.boundary.unshallow) section.line(`unshallow ${oid}`);
    section.buffer.delim();
  }
  if (facts.wantedRefs.length > 0) {
    section.line("wanted-refs\n");
    for (const { name, oid } of facts.wantedRefs) section.line(`${oid} ${name}\n`);
    section.buffer.delim();
  }
  const { offeredPacks = [] } = facts;
  if (offeredPacks.length > 0) {
    section.line("packfile-uris\n");
    for (const { hash, uri } of offeredPacks) section.line(`${hash} ${uri}\n`);
    section.buffer.delim();
  }
  return section.line("packfile\n").buffer.take();
}

/** Lines of a v2 response, in side band 1 when the client wants all of it framed. */
class FetchSections {
  readonly buffer = new PktLineBuffer();
  readonly #framed: boolean;

  constructor(request: Pick<FetchRequest, "sidebandAll">) {
    this.#framed = request.sidebandAll;
  }

  line(text: string): this {
    if (this.#framed) this.buffer.raw(frameSideBand(1, new TextEncoder().encode(text)));
    else this.buffer.text(text);
    return this;
  }
}

/** What v0 and v1 send between the wants and the haves, when a depth was asked. */
export function shallowUpdate(boundary: ShallowBoundary): Uint8Array<ArrayBuffer> {
  const buffer = new PktLineBuffer();
  for (const oid of boundary.shallow) buffer.text(`shallow ${oid}`);
  for (const oid of boundary.unshallow) buffer.text(`unshallow ${oid}`);
  return buffer.flush().take();
}

/** What goes into {@link HaveRounds}. */
export type HaveInput =
  /** The next packet of the client; undefined when the stream ended. */
  | { readonly kind: "packet"; readonly packet: PktLine | undefined }
  /** The answer to the last `ask`. */
  | { readonly kind: "answer"; readonly result: NegotiateResult };

/** What comes out of {@link HaveRounds}. */
export type HaveOutput =
  /** Read the next packet. */
  | { readonly kind: "read" }
  /** Ask the metadata cluster about these haves, and feed its answer. */
  | { readonly kind: "ask"; readonly haves: readonly Oid[] }
  /** Write bytes, then go on as `next` says. */
  | {
    readonly kind: "reply";
    readonly bytes: Uint8Array<ArrayBuffer>;
    /** Read the next packet, send the pack, or end without one. */
    readonly next: "read" | "pack" | "end";
  };

/** How a client of v0 or v1 negotiates. */
export interface HaveRoundsOptions {
  /** Format of the repository. */
  readonly objectFormat: ObjectFormat;
  /** How much the client wants to be told. */
  readonly multiAck: MultiAck;
  /** The pack may follow without a `done`. */
  readonly noDone: boolean;
  /** Over HTTP each round is a request of its own: a flush ends it. */
  readonly stateless: boolean;
}

/**
 * The rounds of haves in v0 and v1. Haves up to a flush or `done` are one round and are asked together.
 *
 * Git's server decides have by have whether enough is common; this one asks once for all haves of a
 * round. So it may say `ready` at the end of a round in which git's server stays silent, because an
 * unknown have came before a common one; that saves the client a round.
 */
export class HaveRounds {
  readonly #options: HaveRoundsOptions;
  /** Haves of this round, in order. */
  #round: Oid[] = [];
  /** Common commits of all rounds, in the order found; the last one is what `ACK` names at the end. */
  readonly #common = new Set<Oid>();
  #last: Oid | undefined;
  #haveCount = 0;
  /** Whether enough was common at the end of an earlier round. */
  #wasReady = false;
  /** What ended the round whose answer is awaited. */
  #asking: "flush" | "done" | undefined;

  /** Machine before the first packet behind the wants. */
  constructor(options: HaveRoundsOptions) {
    this.#options = options;
  }

  /** All commits found common so far, for the plan. */
  get common(): readonly Oid[] {
    return [...this.#common];
  }

  /**
   * Takes one input.
   *
   * @throws `invalid` when the client breaks the protocol
   * @throws `denied` when a want was refused
   * @throws `aborted` when the stream ends in the middle of a round
   * @throws `exhausted` when there are too many haves
   */
  step(input: HaveInput): HaveOutput {
    if (input.kind === "packet") return this.#packet(input.packet);
    const ended = this.#asking;
    assert(ended !== undefined, "An answer follows a question");
    this.#asking = undefined;
    return this.#endRound(ended, input.result);
  }

  #packet(packet: PktLine | undefined): HaveOutput {
    assert(this.#asking === undefined, "A question is answered before the next packet");
    if (packet === undefined) return this.#hangUp();
    switch (packet.kind) {
      case "flush":
        return this.#ask("flush");
      case "data":
        return this.#line(pktText(packet.payload));
      case "delim":
      case "response-end":
        throw protocolError("unexpected packet in the list of haves");
      default:
        return unreachable(packet);
    }
  }

  /** A stateless client that only wanted the shallow list ends before the first have. */
  #hangUp(): HaveOutput {
    if (this.#options.stateless && this.#haveCount === 0) {
      return { kind: "reply", bytes: new Uint8Array(0), next: "end" };
    }
    throw protocolError("the remote end hung up unexpectedly", "aborted");
  }

  #line(line: string): HaveOutput {
    if (line === "done") return this.#ask("done");
    if (!line.startsWith("have ")) {
      throw protocolError(`git upload-pack: expected SHA1 list, got '${excerpt(line)}'`);
    }
    const oid = line.slice(5);
    if (!isOid(oid, this.#options.objectFormat)) {
      throw protocolError(`git upload-pack: expected SHA1 object, got '${excerpt(oid)}'`);
    }
    if (++this.#haveCount > HAVE_COUNT_MAX) throw protocolError("too many haves", "exhausted");
    this.#round.push(oid);
    return { kind: "read" };
  }

  #ask(ended: "flush" | "done"): HaveOutput {
    if (this.#round.length === 0) {
      return this.#endRound(ended, { refused: [], common: [], ready: false });
    }
    this.#asking = ended;
    return { kind: "ask", haves: [...new Set([...this.#common, ...this.#round])] };
  }

  #endRound(ended: "flush" | "done", result: NegotiateResult): HaveOutput {
    checkRefused(result);
    const buffer = new PktLineBuffer();
    const saidReady = this.#acknowledge(buffer, result);
    this.#round = [];
    this.#wasReady ||= result.ready;
    if (ended === "done") return this.#done(buffer);
    return this.#flush(buffer, { ready: result.ready, saidReady });
  }

  /**
   * Acknowledges the haves of a round; whether it said that enough is common. Once that is so, unknown
   * haves are acknowledged too, which stops the client from walking further behind them.
   */
  #acknowledge(buffer: PktLineBuffer, result: NegotiateResult): boolean {
    const { multiAck } = this.#options;
    const common = new Set(result.common);
    const lastCommon = this.#round.findLastIndex((oid) => common.has(oid));
    const enough = (index: number) => this.#wasReady || (result.ready && index > lastCommon);
    let saidReady = false;
    for (const [index, oid] of this.#round.entries()) {
      if (common.has(oid)) this.#acknowledgeCommon(buffer, oid);
      else if (multiAck !== "none" && enough(index)) {
        saidReady = true;
        buffer.text(`ACK ${oid} ${multiAck === "multi_ack" ? "continue" : "ready"}\n`);
      }
    }
    return saidReady;
  }

  #acknowledgeCommon(buffer: PktLineBuffer, oid: Oid): void {
    const { multiAck } = this.#options;
    const first = this.#common.size === 0;
    this.#common.add(oid);
    this.#last = oid;
    if (multiAck === "multi_ack_detailed") buffer.text(`ACK ${oid} common\n`);
    else if (multiAck === "multi_ack") buffer.text(`ACK ${oid} continue\n`);
    else if (first) buffer.text(`ACK ${oid}\n`);
  }

  #flush(
    buffer: PktLineBuffer,
    round: { readonly ready: boolean; readonly saidReady: boolean },
  ): HaveOutput {
    const { multiAck, noDone, stateless } = this.#options;
    const detailed = multiAck === "multi_ack_detailed";
    if (detailed && round.ready && !round.saidReady && this.#last !== undefined) {
      buffer.text(`ACK ${this.#last} ready\n`);
    }
    const saysReady = detailed && (round.ready || round.saidReady);
    if (this.#common.size === 0 || multiAck !== "none") buffer.text("NAK\n");
    if (saysReady && noDone && this.#last !== undefined) {
      return { kind: "reply", bytes: buffer.text(`ACK ${this.#last}\n`).take(), next: "pack" };
    }
    return { kind: "reply", bytes: buffer.take(), next: stateless ? "end" : "read" };
  }

  #done(buffer: PktLineBuffer): HaveOutput {
    if (this.#last === undefined) buffer.text("NAK\n");
    else if (this.#options.multiAck !== "none") buffer.text(`ACK ${this.#last}\n`);
    return { kind: "reply", bytes: buffer.take(), next: "pack" };
  }
}
