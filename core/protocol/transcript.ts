/**
 * Packets in a form that a reviewer can read: one line each, for tests.
 *
 * `0000`, `0001` and `0002` stand for the special packets; `\n`, `\0` and `\\` for bytes.
 *
 * @module
 */

import { PktLineBuffer } from "./pkt_line.ts";
import { PktLineDecoder } from "./pkt_line_decoder.ts";
import { PktLineReader } from "./pkt_line_reader.ts";

/** The packets of a transcript as bytes. Empty lines and indentation do not count. */
export function packetsOf(transcript: string): Uint8Array<ArrayBuffer> {
  const buffer = new PktLineBuffer();
  for (const line of transcript.split("\n").map((each) => each.trim())) {
    if (line === "0000") buffer.flush();
    else if (line === "0001") buffer.delim();
    else if (line === "0002") buffer.responseEnd();
    else if (line !== "") buffer.text(unescape(line));
  }
  return buffer.take();
}

function unescape(line: string): string {
  return line.replaceAll(
    /\\(n|0|\\)/g,
    (_, what: string) => what === "n" ? "\n" : what === "0" ? "\0" : "\\",
  );
}

/** A transcript of packets. */
export function transcriptOf(packets: Uint8Array): string {
  const decoder = new PktLineDecoder();
  decoder.push(packets);
  const lines: string[] = [];
  for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
    if (packet.kind === "data") lines.push(escape(new TextDecoder().decode(packet.payload)));
    else lines.push(packet.kind === "flush" ? "0000" : packet.kind === "delim" ? "0001" : "0002");
  }
  if (!decoder.atBoundary) lines.push("(cut off)");
  return lines.join("\n");
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\0", "\\0");
}

/** A reader over a transcript. */
export function readerOf(transcript: string | Uint8Array): PktLineReader {
  const bytes = typeof transcript === "string" ? packetsOf(transcript) : transcript;
  return new PktLineReader(ReadableStream.from([bytes]));
}
