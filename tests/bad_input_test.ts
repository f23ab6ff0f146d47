/**
 * Bad input: a clear error in git's own channel, the process stays up, the repository is unchanged.
 */

import assert from "node:assert/strict";
import { assertSound } from "./harness/compare.ts";
import { git, gitText } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { generateHistory } from "./harness/history.ts";
import {
  ENTRY,
  entry,
  entryHeader,
  joinBytes,
  NO_OBJECT,
  objectId,
  ofsDistance,
  pack,
  pktLine,
  postPush,
  pushBody,
  smallCommit,
} from "./harness/raw_pack.ts";
import { SeededRandom } from "./harness/seeded_random.ts";
import { temporaryDirectory } from "./harness/temp.ts";

interface BadPack {
  readonly name: string;
  readonly pack: Uint8Array<ArrayBuffer>;
  /** What the answer must say. */
  readonly says: RegExp;
  readonly to?: string;
}

const good = smallCommit("good");
const blob = "some content that is long enough to be a delta base\n".repeat(4);
const blobId = Uint8Array.fromHex(objectId("blob", blob));

/** Delta: base size, result size, then instructions. */
function delta(baseSize: number, resultSize: number, ...instructions: number[]): Uint8Array {
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)];
  return new Uint8Array([...varint(baseSize), ...varint(resultSize), ...instructions]);
}

const goodPack = pack(good.entries);
const blobEntry = entry(ENTRY.blob, blob);
const flipped = goodPack.slice();
flipped[20] = flipped[20]! ^ 0x10;

function withDelta(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return pack([...good.entries, blobEntry, entry(ENTRY.refDelta, bytes, { base: blobId })]);
}

const copyAll = (offset: number, size: number) => [0x80 | 0x01 | 0x10, offset, size];

const BAD_PACKS: readonly BadPack[] = [
  {
    name: "an empty body instead of a pack",
    pack: new Uint8Array(),
    says: /pack|unpack|early|end/i,
  },
  {
    name: "a pack cut in the middle",
    pack: goodPack.slice(0, 40),
    says: /unpack .*(truncat|early|end|short)/i,
  },
  {
    name: "a pack without its trailer",
    pack: goodPack.slice(0, -20),
    says: /unpack .*(truncat|early|end|short|trailer)/i,
  },
  { name: "a flipped bit", pack: flipped, says: /unpack (?!ok)/ },
  {
    name: "a wrong trailer",
    pack: pack(good.entries, { trailer: new Uint8Array(20) }),
    says: /unpack .*(trailer|checksum|hash)/i,
  },
  {
    name: "fewer entries than announced",
    pack: pack(good.entries, { count: 3 }),
    says: /unpack (?!ok)/,
  },
  {
    name: "more entries than announced",
    pack: pack(good.entries, { count: 1 }),
    says: /unpack (?!ok)/,
  },
  {
    name: "an unknown version",
    pack: pack(good.entries, { version: 9 }),
    says: /unpack .*version/i,
  },
  {
    name: "an absurd count",
    pack: pack(good.entries, { count: 0xffffffff }),
    says: /unpack (?!ok)/,
  },
  {
    name: "an entry that inflates to more than it says",
    pack: pack([...good.entries, entry(ENTRY.blob, blob, { size: 10 })]),
    says: /unpack (?!ok)/,
  },
  {
    name: "an entry that inflates to less than it says",
    pack: pack([...good.entries, entry(ENTRY.blob, blob, { size: 5000 })]),
    says: /unpack (?!ok)/,
  },
  {
    name: "an absurd size",
    pack: pack([
      ...good.entries,
      joinBytes(entryHeader(ENTRY.blob, 2 ** 45), entry(ENTRY.blob, "x").subarray(1)),
    ]),
    says: /unpack .*(size|large|limit|big|exceed)/i,
  },
  {
    name: "an unknown entry type",
    pack: pack([...good.entries, entry(5, "x")]),
    says: /unpack .*type/i,
  },
  {
    name: "a missing delta base",
    pack: pack([
      ...good.entries,
      entry(ENTRY.refDelta, delta(3, 3, ...copyAll(0, 3)), { base: new Uint8Array(20).fill(7) }),
    ]),
    says: /unpack .*base/i,
  },
  {
    name: "an offset delta before the pack",
    pack: pack([
      ...good.entries,
      entry(ENTRY.ofsDelta, delta(3, 3, ...copyAll(0, 3)), { base: ofsDistance(100_000) }),
    ]),
    says: /unpack .*(base|offset)/i,
  },
  {
    name: "an offset delta into the middle of an entry",
    pack: pack([
      ...good.entries,
      blobEntry,
      entry(ENTRY.ofsDelta, delta(3, 3, ...copyAll(0, 3)), { base: ofsDistance(3) }),
    ]),
    says: /unpack .*(base|offset)/i,
  },
  {
    name: "an offset delta of itself",
    pack: pack([
      ...good.entries,
      entry(ENTRY.ofsDelta, delta(3, 3, ...copyAll(0, 3)), { base: ofsDistance(0) }),
    ]),
    says: /unpack .*(base|offset)/i,
  },
  {
    name: "a delta that reads beyond its base",
    pack: withDelta(delta(blob.length, 200, ...copyAll(200, 200))),
    says: /unpack .*delta/i,
  },
  {
    name: "a delta that writes beyond its result",
    pack: withDelta(delta(blob.length, 4, ...copyAll(0, 100))),
    says: /unpack .*delta/i,
  },
  {
    name: "a delta that leaves its result short",
    pack: withDelta(delta(blob.length, 200, ...copyAll(0, 100))),
    says: /unpack .*delta/i,
  },
  {
    name: "a delta for a base of another size",
    pack: withDelta(delta(blob.length + 1, 100, ...copyAll(0, 100))),
    says: /unpack .*delta/i,
  },
  {
    name: "a delta with the reserved instruction",
    pack: withDelta(delta(blob.length, 100, 0)),
    says: /unpack .*delta/i,
  },
  {
    name: "a new tip that is not in the pack",
    pack: goodPack,
    to: "ab".repeat(20),
    says: /ng refs\/heads\/bad .*|unpack (?!ok)/,
  },
  {
    name: "a commit whose tree is missing",
    pack: pack([good.entries[0]!]),
    says: /ng refs\/heads\/bad .*(missing|connect)/i,
  },
  {
    name: "a blob as a branch",
    pack: pack([blobEntry]),
    to: objectId("blob", blob),
    says: /ng refs\/heads\/bad /,
  },
  {
    name: "an object that git's checks refuse",
    pack: pack([entry(ENTRY.commit, `tree ${objectId("tree", "")}\n\nx\n`), good.entries[1]!]),
    to: objectId("commit", `tree ${objectId("tree", "")}\n\nx\n`),
    says: /unpack .*missingAuthor/,
  },
  {
    name: "trailing bytes after the pack",
    pack: joinBytes(goodPack, "garbage"),
    says: /unpack .*(garbage|after|trailing)/i,
  },
];

async function listing(url: string): Promise<string> {
  return await gitText(["ls-remote", url]);
}

Deno.test("malformed packs are refused with what was wrong, and change nothing", async (t) => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start();
  const source = await generateHistory(temp.join("source.git"), { seed: 41, commits: 30 });
  const url = server.url("bad/packs");
  await git(["-C", source, "push", "-q", "--mirror", url]);
  const before = await listing(url);
  for (const bad of BAD_PACKS) {
    await t.step(bad.name, async () => {
      const { text } = await postPush(
        url,
        pushBody({ ref: "refs/heads/bad", to: bad.to ?? good.oid }, bad.pack),
      );
      assert.match(text, bad.says);
      assert.doesNotMatch(text, /ok refs\/heads\/bad/);
      assert.equal(await listing(url), before);
    });
  }
  await t.step("the same server still takes the good pack", async () => {
    const { text } = await postPush(
      url,
      pushBody({ ref: "refs/heads/good", to: good.oid }, goodPack),
    );
    assert.match(text, /unpack ok/);
    assert.match(text, /ok refs\/heads\/good/);
    await git(["clone", "-q", "--mirror", url, temp.join("copy.git")]);
    await assertSound(temp.join("copy.git"));
  });
});

Deno.test("flipped bits and cuts anywhere in a real pack never get in", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start();
  const source = await generateHistory(temp.join("source.git"), { seed: 42, commits: 15 });
  const tip = await gitText(["-C", source, "rev-parse", "main"]);
  await git(["-C", source, "repack", "-adq"]);
  const packs = [...Deno.readDirSync(`${source}/objects/pack`)].map((item) => item.name);
  const whole = await Deno.readFile(
    `${source}/objects/pack/${packs.find((name) => name.endsWith(".pack"))}`,
  );
  await server.createRepository("bad/bits");
  const url = server.url("bad/bits");
  const random = new SeededRandom(4242);
  for (let round = 0; round < 60; round++) {
    const damaged = round % 2 === 0 ? whole.slice() : whole.slice(0, random.below(whole.length));
    if (round % 2 === 0) {
      const at = random.below(whole.length);
      damaged[at] = damaged[at]! ^ (1 << random.below(8));
    }
    const { text } = await postPush(url, pushBody({ ref: "refs/heads/main", to: tip }, damaged));
    assert.doesNotMatch(text, /ok refs\/heads\/main/, `round ${round}`);
  }
  assert.equal(await listing(url), "");
  const { text } = await postPush(url, pushBody({ ref: "refs/heads/main", to: tip }, whole));
  assert.match(text, /ok refs\/heads\/main/);
});

Deno.test("malformed requests get an HTTP or pkt-line error", async (t) => {
  await using server = await GitStratumServer.start();
  await server.createRepository("bad/requests");
  const url = server.url("bad/requests");
  const upload = (body: BodyInit, type = "application/x-git-upload-pack-request") =>
    fetch(`${url}/git-upload-pack`, {
      method: "POST",
      body,
      headers: { "content-type": type, "git-protocol": "version=2" },
    });
  const pktLengths = ["zzzz", "0003", "ffff" + "x".repeat(65531), "fff", "0009x"];
  for (const bytes of pktLengths) {
    await t.step(`pkt-line ${bytes.slice(0, 8)}`, async () => {
      const push = await postPush(url, bytes);
      assert.ok(
        push.status === 400 || /ERR |unpack /.test(push.text),
        `${push.status} ${push.text}`,
      );
      const fetched = await upload(bytes);
      const text = await fetched.text();
      assert.ok(fetched.status === 400 || /ERR /.test(text), `${fetched.status} ${text}`);
    });
  }
  await t.step("wrong content type", async () => {
    assert.equal((await postPush(url, "0000", { "content-type": "text/plain" })).status, 415);
    const answer = await upload("0000", "application/x-www-form-urlencoded");
    assert.equal(answer.status, 415);
    await answer.body?.cancel();
  });
  await t.step("an unknown command", async () => {
    const answer = await upload(pktLine("command=explode\n") + "0000");
    assert.match(await answer.text(), /ERR .*explode|unknown|invalid/i);
  });
  await t.step("a want of nothing", async () => {
    const answer = await upload(
      pktLine("command=fetch\n") + "0001" + pktLine(`want ${"cd".repeat(20)}\n`) +
        pktLine("done\n") + "0000",
    );
    assert.match(await answer.text(), /ERR .*not our ref/);
  });
  await t.step("a body that claims to be gzip", async () => {
    const answer = await postPush(url, "not gzip at all", { "content-encoding": "gzip" });
    assert.ok(answer.status === 400 || /ERR |unpack /.test(answer.text));
  });
  await t.step("wrong methods and the dumb protocol", async () => {
    for (
      const [method, path, status] of [
        ["PUT", "/git-receive-pack", 405],
        ["GET", "/git-upload-pack", 405],
        ["GET", "/info/refs", 403],
        ["GET", "/info/refs?service=git-nonsense", 403],
        ["GET", "/HEAD", 403],
      ] as const
    ) {
      const answer = await fetch(url + path, { method });
      assert.equal(answer.status, status, `${method} ${path}`);
      assert.notEqual((await answer.text()).trim(), "");
    }
  });
  await t.step("unknown repositories", async () => {
    const answer = await fetch(`${server.url("bad/unknown")}/info/refs?service=git-upload-pack`);
    assert.equal(answer.status, 404);
    assert.match(await answer.text(), /no such repository/);
    const clone = await git(["ls-remote", server.url("bad/unknown")], { anyExit: true });
    assert.match(clone.stderr, /not found/);
  });
  await t.step("hosts that make no URL", async () => {
    const { hostname, port } = new URL(server.origin);
    for (const host of ["a b", "[::1", "x:99999999", "%zz"]) {
      const connection = await Deno.connect({ hostname, port: Number(port) });
      const head = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      await connection.write(new TextEncoder().encode(head));
      assert.match(await new Response(connection.readable).text(), /^HTTP\/1\.1 400 /, host);
    }
  });
  await t.step("hostile paths", async () => {
    for (
      const path of [
        "/..%2f..%2fetc/passwd/info/refs?service=git-upload-pack",
        "/a%00b/c.git/info/refs?service=git-upload-pack",
        "/a/b%0a.git/info/refs?service=git-upload-pack",
      ]
    ) {
      const answer = await fetch(server.origin + path);
      assert.ok(answer.status === 400 || answer.status === 404, `${path}: ${answer.status}`);
      await answer.body?.cancel();
    }
  });
  assert.equal((await fetch(`${server.origin}/healthz`)).status, 200);
});

Deno.test("reference names are checked as git checks them", async () => {
  await using server = await GitStratumServer.start();
  await server.createRepository("bad/names");
  const url = server.url("bad/names");
  const names = [
    "refs/heads/a..b",
    "refs/heads/.hidden",
    "refs/heads/x.lock",
    "refs/heads/a b",
    "refs/heads/a~1",
    "refs/heads/a\\b",
    "refs/heads/a//b",
    "refs/heads/end/",
    "refs/heads/end.",
    "refs/heads/@{x",
    "refs/heads/q?",
    "refs/heads/\u0001",
    "HEAD",
    "heads/main",
    "../main",
    "refs/heads/" + "n".repeat(5000),
  ];
  for (const ref of names) {
    const { text } = await postPush(url, pushBody({ ref, to: good.oid }, goodPack));
    assert.match(text, /ng |ERR |unpack (?!ok)/, JSON.stringify(ref));
  }
  assert.equal(await listing(url), "");
});

Deno.test("one reference twice in a push is refused", async () => {
  await using server = await GitStratumServer.start();
  await server.createRepository("bad/twice");
  const url = server.url("bad/twice");
  const line = `${NO_OBJECT} ${good.oid} refs/heads/main`;
  const body = joinBytes(pktLine(`${line}\0 report-status`), pktLine(line), "0000", goodPack);
  const { text } = await postPush(url, body);
  assert.match(text, /ng refs\/heads\/main|unpack (?!ok)|ERR /);
});

Deno.test("a body that stops in the middle leaves nothing behind", async () => {
  await using server = await GitStratumServer.start();
  await server.createRepository("bad/stops");
  const url = new URL(server.url("bad/stops"));
  const whole = pushBody({ ref: "refs/heads/main", to: good.oid }, goodPack);
  const connection = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
  const head = `POST ${url.pathname}/git-receive-pack HTTP/1.1\r\nHost: ${url.host}\r\n` +
    `Content-Type: application/x-git-receive-pack-request\r\nContent-Length: ${whole.length}\r\n\r\n`;
  await connection.write(joinBytes(head, whole.subarray(0, whole.length - 30)));
  connection.close();
  // The next push through the same server shows that the broken one holds nothing.
  assert.equal(await listing(url.href), "");
  const { text } = await postPush(url.href, whole);
  assert.match(text, /ok refs\/heads\/main/);
});

Deno.test("a client that leaves in the middle of a clone harms nobody", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start();
  const source = await generateHistory(temp.join("source.git"), { seed: 43, commits: 300 });
  const url = server.url("bad/leaver");
  await git(["-C", source, "push", "-q", "--mirror", url]);
  const tip = await gitText(["-C", source, "rev-parse", "main"]);
  const body = pktLine("command=fetch\n") + "0001" + pktLine(`want ${tip}\n`) + pktLine("done\n") +
    "0000";
  for (let round = 0; round < 20; round++) {
    const answer = await fetch(`${url}/git-upload-pack`, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/x-git-upload-pack-request",
        "git-protocol": "version=2",
      },
    });
    const reader = answer.body!.getReader();
    await reader.read();
    await reader.cancel();
  }
  await git(["clone", "-q", "--mirror", url, temp.join("copy.git")]);
  await assertSound(temp.join("copy.git"));
});

Deno.test("gzip and chunked request bodies are understood", async () => {
  await using server = await GitStratumServer.start();
  await server.createRepository("good/gzip");
  const url = server.url("good/gzip");
  const body = pushBody({ ref: "refs/heads/main", to: good.oid }, goodPack);
  // A stream as body is sent chunked.
  const zipped = new Blob([body]).stream().pipeThrough(new CompressionStream("gzip"));
  const { text } = await postPush(url, zipped, { "content-encoding": "gzip" });
  assert.match(text, /ok refs\/heads\/main/);
});
