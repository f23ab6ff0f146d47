/**
 * The connection around an answer: proxies and small clients ask for `Connection: close` and wait for
 * the end of the connection, not of the chunks.
 */

import assert from "node:assert/strict";
import { gitText } from "./harness/git.ts";
import { PUSHED_NAME, pushedHistory } from "./harness/pushed.ts";
import { joinBytes, pktLine } from "./harness/raw_pack.ts";

/** From the last chunk to the end of the connection. */
const CLOSE_MS_MAX = 5000;

/** Posts a fetch and answers the bytes received and how long the end took after the last of them. */
async function postAndReadToEnd(
  url: URL,
  body: string,
): Promise<{ text: string; closeMs: number }> {
  const connection = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
  const head = `POST ${url.pathname}/git-upload-pack HTTP/1.1\r\nHost: ${url.host}\r\n` +
    "Content-Type: application/x-git-upload-pack-request\r\nGit-Protocol: version=2\r\n" +
    `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  await connection.write(joinBytes(head, body));
  const parts: Uint8Array[] = [];
  let lastMs = performance.now();
  for await (const part of connection.readable) {
    parts.push(part);
    lastMs = performance.now();
  }
  const closeMs = performance.now() - lastMs;
  return { text: new TextDecoder("latin1").decode(joinBytes(...parts)), closeMs };
}

Deno.test("an answer to Connection: close ends with the connection, at once", async () => {
  await using pushed = await pushedHistory({ seed: 95, commits: 200 });
  const url = new URL(pushed.server.url(PUSHED_NAME));
  const tip = await gitText(["-C", pushed.source, "rev-parse", "main"]);
  const listing = pktLine("command=ls-refs\n") + "0001" + pktLine("peel\n") + "0000";
  const fetching = pktLine("command=fetch\n") + "0001" + pktLine(`want ${tip}\n`) +
    pktLine("done\n") + "0000";
  for (const body of [listing, fetching, listing, fetching]) {
    const { text, closeMs } = await postAndReadToEnd(url, body);
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.ok(text.endsWith("0\r\n\r\n") || /content-length/i.test(text));
    assert.ok(closeMs < CLOSE_MS_MAX, `the connection ended ${closeMs} ms after the last byte`);
  }
});
