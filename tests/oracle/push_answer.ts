/**
 * What a server answered to a push, taken apart.
 *
 * @module
 */

import { joined, PacketCursor, textOf } from "./packets.ts";

/** An answer. */
export interface PushAnswer {
  readonly status: number;
  /** Behind `unpack`; undefined when there is no report. */
  readonly unpack?: string;
  /** `ok` or the reason behind `ng`, by reference, in the report's order. */
  readonly results: readonly (readonly [string, string])[];
  /** Ids of object checks that are named anywhere. */
  readonly fsckIds: ReadonlySet<string>;
  /** Text of an `ERR` packet, side band 3, or an HTTP error. */
  readonly error?: string;
}

/** Takes an answer apart. */
export async function readPushAnswer(
  response: Response,
  options: { readonly sideBand: boolean },
): Promise<PushAnswer> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const { status } = response;
  if (status !== 200) {
    return { status, results: [], fsckIds: new Set(), error: textOf(bytes).trim() };
  }
  const split = options.sideBand ? bands(bytes) : { report: bytes, progress: "" };
  const { report, progress } = split;
  const lines = reportLines(report);
  const said = `${progress}\n${lines.join("\n")}`;
  const unpack = lines.find((text) => text.startsWith("unpack "))?.slice(7);
  const error = lines.find((text) => text.startsWith("ERR "))?.slice(4) ?? split.error;
  return {
    status,
    ...(unpack === undefined ? {} : { unpack }),
    ...(error === undefined ? {} : { error }),
    results: lines.filter((text) => /^(ok|ng) /.test(text)).map(resultOf),
    fsckIds: new Set([...said.matchAll(/\b([a-z]+[A-Z][A-Za-z]+):? /g)].map((match) => match[1]!)),
  };
}

function resultOf(text: string): readonly [string, string] {
  const [, verdict, rest] = /^(ok|ng) ([^]*)$/.exec(text)!;
  if (verdict === "ok") return [rest!, "ok"];
  // A name may hold blanks, so the reason is behind the longest name that makes sense.
  const match = /^(refs\/heads\/sp ace|\S+) ([^]*)$/.exec(rest!);
  return [match?.[1] ?? rest!, match?.[2] ?? ""];
}

function bands(bytes: Uint8Array): {
  readonly report: Uint8Array;
  readonly progress: string;
  readonly error?: string;
} {
  const report: Uint8Array[] = [];
  let progress = "";
  let error: string | undefined;
  const cursor = new PacketCursor(bytes);
  for (let packet = cursor.next(); packet?.kind === "data"; packet = cursor.next()) {
    const [band] = packet.payload;
    if (band === 1) report.push(packet.payload.subarray(1));
    else if (band === 2) progress += new TextDecoder().decode(packet.payload.subarray(1));
    else error = textOf(packet.payload.subarray(band === 3 ? 1 : 0)).trim();
  }
  return { report: joined(report), progress, ...(error === undefined ? {} : { error }) };
}

function reportLines(report: Uint8Array): string[] {
  const lines: string[] = [];
  const cursor = new PacketCursor(report);
  for (let packet = cursor.next(); packet?.kind === "data"; packet = cursor.next()) {
    lines.push(textOf(packet.payload));
  }
  return lines;
}
