import { equal, match, rejects } from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../error.ts";
import type { Oid } from "../git/oid.ts";
import type { Reference, ReferenceListing } from "../rpc/metadata/metadata.ts";
import { advertiseReferenceLines, encodeReferenceLines } from "./reference_lines.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;
const OPTIONS = { version: 0, capabilities: "caps", objectFormat: "sha1" } as const;
const unavailable = (error: unknown) => hasCode(error, "unavailable");
const REFERENCES: readonly Reference[] = [
  { name: "refs/heads/main", oid: A },
  { name: "refs/heads/ünï", oid: B },
  { name: "refs/tags/v1", oid: B, peeled: A },
];

function listing(references: readonly Reference[], batchCount = 500): ReferenceListing {
  return {
    head: { target: "refs/heads/main" },
    references: (async function* () {
      for (let at = 0; at < references.length; at += batchCount) {
        yield await Promise.resolve(references.slice(at, at + batchCount));
      }
    })(),
  };
}

async function bytesOf(references: readonly Reference[]): Promise<Uint8Array<ArrayBuffer>> {
  const stream = encodeReferenceLines(listing(references));
  return await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).bytes();
}

function chunked(bytes: Uint8Array, chunkBytes: number): ReadableStream<Uint8Array> {
  return ReadableStream.from((function* () {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.slice(at, at + chunkBytes);
  })());
}

async function advertised(
  lines: ReadableStream<Uint8Array>,
  options: Partial<Parameters<typeof advertiseReferenceLines>[1]> = {},
): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of advertiseReferenceLines(lines, { ...OPTIONS, ...options })) {
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

function line(text: string): string {
  const bytes = new TextEncoder().encode(text).length + 4;
  return `${bytes.toString(16).padStart(4, "0")}${text}`;
}

Deno.test("advertiseReferenceLines() puts capabilities on the first line, however lines are cut", async () => {
  const bytes = await bytesOf(REFERENCES);
  const wanted = line(`${A} refs/heads/main\0caps\n`) + line(`${B} refs/heads/ünï\n`) +
    `${line(`${B} refs/tags/v1\n`)}0000`;
  for (let chunkBytes = 1; chunkBytes <= bytes.length; chunkBytes++) {
    equal(await advertised(chunked(bytes, chunkBytes)), wanted);
  }
  equal(await advertised(chunked(bytes, 7), { version: 1 }), `${line("version 1\n")}${wanted}`);
});

Deno.test("advertiseReferenceLines() shows capabilities of a repository without references", async () => {
  const bytes = await bytesOf([]);
  const wanted = `${line(`${"0".repeat(40)} capabilities^{}\0caps\n`)}0000`;
  for (const chunkBytes of [1, 3, 4]) equal(await advertised(chunked(bytes, chunkBytes)), wanted);
});

Deno.test("advertiseReferenceLines() never takes lines that were cut off for complete ones", async () => {
  const bytes = await bytesOf(REFERENCES);
  for (let length = 0; length < bytes.length; length++) {
    await rejects(advertised(chunked(bytes.slice(0, length), 50)), unavailable, `cut at ${length}`);
  }
  const longer = new Uint8Array([...bytes, 0x30]);
  await rejects(advertised(chunked(longer, 50)), unavailable);
});

Deno.test("advertiseReferenceLines() takes any bytes for lines or refuses them", async () => {
  const bytes = await bytesOf(REFERENCES);
  const wanted = await advertised(chunked(bytes, 1000));
  const change = fc.record({ at: fc.nat({ max: bytes.length - 1 }), byte: fc.nat({ max: 255 }) });
  await fc.assert(
    fc.asyncProperty(change, fc.integer({ min: 1, max: 300 }), async ({ at, byte }, chunkBytes) => {
      const changed = bytes.slice();
      changed[at] = byte;
      try {
        match(await advertised(chunked(changed, chunkBytes)), /0000$/);
      } catch (error) {
        equal(unavailable(error), true, String(error));
      }
    }),
    { numRuns: 300 },
  );
  equal(await advertised(chunked(bytes, 1000)), wanted);
});

Deno.test("encodeReferenceLines() hands many references on in bounded chunks", async () => {
  const many = Array.from(
    { length: 5000 },
    (_, index) => ({ name: `refs/heads/${index}`, oid: A }),
  );
  let longest = 0;
  let bytes = 0;
  for await (const chunk of encodeReferenceLines(listing(many))) {
    longest = Math.max(longest, chunk.length);
    bytes += chunk.length;
  }
  equal(bytes, many.reduce((sum, { name }) => sum + 4 + 40 + 1 + name.length + 1, 4));
  equal(longest < 128 * 1024, true, `${longest}`);
});

Deno.test("encodeReferenceLines() ends the listing when it is cancelled", async () => {
  const listed = listing(REFERENCES, 1);
  let returned = false;
  const inner = listed.references[Symbol.asyncIterator]();
  const references = {
    next: () => inner.next(),
    return() {
      returned = true;
      return Promise.resolve({ done: true as const, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  const reader = encodeReferenceLines({ ...listed, references }).getReader();
  await reader.cancel();
  equal(returned, true);
});
