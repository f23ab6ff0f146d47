/**
 * Requests that no git client would send, over either transport.
 *
 * Over SSH a conversation begins with the server's advertisement, which is cut off here, so that the
 * same request has the same answer over both.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { joinBytes, pktLine } from "../harness/raw_pack.ts";
import { spawnSsh } from "../harness/ssh_client.ts";
import { joined, line, PacketCursor, textOf } from "../oracle/packets.ts";
import type { CaseContext, ServedRepository } from "./case_context.ts";

/** A request. */
export interface RawRequest {
  readonly service: "git-upload-pack" | "git-receive-pack";
  /** Version of the protocol; 0 by default. */
  readonly version?: 0 | 1 | 2;
  /** Everything that the client says. */
  readonly body: string | Uint8Array<ArrayBuffer>;
}

/** Everything that the server answers, as the bytes behind its advertisement. */
export async function converse(
  context: CaseContext,
  repository: ServedRepository,
  request: RawRequest,
): Promise<Uint8Array> {
  return context.transport === "ssh"
    ? await overSsh(context, repository, request)
    : await overHttp(context, repository, request);
}

async function overHttp(
  context: CaseContext,
  repository: ServedRepository,
  { service, version = 0, body }: RawRequest,
): Promise<Uint8Array> {
  const response = await fetch(`${context.httpUrl(repository.name)}/${service}`, {
    method: "POST",
    headers: {
      "content-type": `application/x-${service}-request`,
      ...(version === 0 ? {} : { "git-protocol": `version=${version}` }),
    },
    body,
  });
  return new Uint8Array(await response.arrayBuffer());
}

async function overSsh(
  context: CaseContext,
  repository: ServedRepository,
  { service, version = 0, body }: RawRequest,
): Promise<Uint8Array> {
  const path = new URL(repository.url).pathname;
  const environment = version === 0 ? {} : { GIT_PROTOCOL: `version=${version}` };
  const target = { origin: new URL(repository.url).href.replace(path, ""), key: context.sshKey };
  const options = ["-o", "SendEnv=GIT_PROTOCOL"];
  const child = spawnSsh({ ...target, options, env: environment }, [`${service} '${path}'`]);
  const writer = child.stdin.getWriter();
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  // A server that refuses early hangs up, and what it said until then is the answer.
  const sent = writer.write(bytes).then(() => writer.close()).catch(() => undefined);
  const [{ stdout }] = await Promise.all([child.output(), sent]);
  const cursor = new PacketCursor(stdout);
  for (let packet = cursor.next(); packet?.kind === "data"; packet = cursor.next());
  return cursor.rest.slice();
}

/** Lines of a request; `"0000"` and `"0001"` are the flush and the delimiter. */
export function requestLines(...lines: readonly string[]): string {
  return lines.map((each) => each === "0000" || each === "0001" ? each : line(each)).join("");
}

/** A version 2 request of one command. */
export function commandBody(
  context: CaseContext,
  command: string,
  lines: { readonly capabilities?: readonly string[]; readonly args?: readonly string[] } = {},
): string {
  const format = `object-format=${context.objectFormat}`;
  const head = [`command=${command}`, format, ...(lines.capabilities ?? [])];
  return requestLines(...head, "0001", ...(lines.args ?? []), "0000");
}

/** Texts of the packets up to the first special one. */
export function packetTexts(answer: Uint8Array): string[] {
  const cursor = new PacketCursor(answer);
  const texts: string[] = [];
  for (let packet = cursor.next(); packet?.kind === "data"; packet = cursor.next()) {
    texts.push(textOf(packet.payload));
  }
  return texts;
}

/** An answer taken apart: plain lines, the bytes of each side band, and what was no packet. */
export interface SplitAnswer {
  /** Packets without a band, special ones as `0000` and `0001`. */
  readonly lines: readonly string[];
  readonly bands: readonly [pack: Uint8Array, progress: string, error: string];
  /** Empty packets on side band 1: keep-alives. */
  readonly keepAlives: number;
  /** Bytes behind the last packet: a pack without side bands. */
  readonly rest: Uint8Array;
}

/** Takes an answer apart. Bands are told from lines by their first byte. */
export function splitAnswer(answer: Uint8Array): SplitAnswer {
  const lines: string[] = [];
  const bands: Uint8Array[][] = [[], [], []];
  let keepAlives = 0;
  const cursor = new PacketCursor(answer);
  for (let packet = cursor.next(); packet !== undefined; packet = cursor.next()) {
    if (packet.kind !== "data") {
      lines.push(packet.kind === "flush" ? "0000" : "0001");
      continue;
    }
    const band = packet.payload[0] ?? 0;
    if (band === 0 || band > 3) lines.push(textOf(packet.payload));
    else if (band === 1 && packet.payload.length === 1) keepAlives++;
    else bands[band - 1]!.push(packet.payload.subarray(1));
  }
  const [pack, progress, error] = bands.map(joined) as [Uint8Array, Uint8Array, Uint8Array];
  return { lines, bands: [pack, textOf(progress), textOf(error)], keepAlives, rest: cursor.rest };
}

/** A push: commands, options where there are any, a pack that is empty unless given. */
export interface RawPush {
  readonly commands: readonly string[];
  /** Without the object format, which is added. */
  readonly capabilities: string;
  readonly pushOptions?: readonly string[];
  /** What follows; a push of deletions has none. */
  readonly pack?: Uint8Array | "empty" | "none";
}

/** Body of a push. */
export function pushBody(context: CaseContext, push: RawPush): Uint8Array<ArrayBuffer> {
  const { commands: [first, ...others], capabilities, pushOptions, pack = "empty" } = push;
  const format = `object-format=${context.objectFormat}`;
  const lines = [`${first}\0 ${capabilities} ${format}`, ...others];
  const options = pushOptions === undefined ? "" : `${pushOptions.map(pktLine).join("")}0000`;
  const content = pack === "empty" ? emptyPack(context) : pack === "none" ? "" : pack;
  return joinBytes(lines.map(pktLine).join(""), "0000", options, content);
}

/** A pack of nothing: what a push sends whose objects are all there. */
function emptyPack({ objectFormat }: CaseContext): Uint8Array {
  const header = joinBytes("PACK", new Uint8Array([0, 0, 0, 2, 0, 0, 0, 0]));
  return joinBytes(header, createHash(objectFormat).update(header).digest());
}
