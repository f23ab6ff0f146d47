/** What comes in a pack and how it is framed, by what the client said it understands. */

import assert from "node:assert/strict";
import type { CaseContext, PushedRepository, ServedRepository } from "./case_context.ts";
import { conformance } from "./conformance.ts";
import {
  commandBody,
  converse,
  requestLines,
  type SplitAnswer,
  splitAnswer,
} from "./raw_conversation.ts";

/** A fetch of version 0 whose haves are known to be common. */
async function fetchV0(
  context: CaseContext,
  repository: ServedRepository,
  request: {
    readonly capabilities: readonly string[];
    readonly wants: readonly string[];
    readonly haves?: readonly string[];
  },
): Promise<SplitAnswer> {
  const { capabilities, wants, haves = [] } = request;
  const [first, ...others] = wants;
  const said = [...capabilities, `object-format=${context.objectFormat}`].join(" ");
  const body = requestLines(
    `want ${first} ${said}`,
    ...others.map((oid) => `want ${oid}`),
    "0000",
    ...haves.map((oid) => `have ${oid}`),
    "done",
  );
  return splitAnswer(await converse(context, repository, { service: "git-upload-pack", body }));
}

/** A fetch of version 2. */
async function fetchV2(
  context: CaseContext,
  repository: ServedRepository,
  args: readonly string[],
): Promise<SplitAnswer> {
  const body = commandBody(context, "fetch", { args });
  const request = { service: "git-upload-pack", version: 2, body } as const;
  return splitAnswer(await converse(context, repository, request));
}

/** Indexes a pack in a repository of its own; fails unless it stands alone. */
async function unpacked(context: CaseContext, pack: Uint8Array): Promise<PackEntries> {
  const path = await Deno.makeTempDir({ dir: context.temp.path });
  await context.git(["init", "-q", "--bare", `--object-format=${context.objectFormat}`, path]);
  await Deno.writeFile(`${path}/got.pack`, pack);
  const { code, stderr } = await context.git(["-C", path, "index-pack", "got.pack"], {
    anyExit: true,
  });
  if (code !== 0) {
    return { standsAlone: false, complaint: stderr, oids: [], kinds: [], forward: [] };
  }
  const rows = await context.lines(["-C", path, "verify-pack", "-v", "got.idx"]);
  const entries = rows.map((row) => row.split(/\s+/)).filter(([oid]) =>
    /^[0-9a-f]{40,}$/.test(oid!)
  );
  return {
    standsAlone: true,
    complaint: "",
    oids: entries.map(([oid]) => oid!).sort(),
    // The type is in bits 4 to 6 of an entry's first byte.
    forward: forwardDeltas(entries),
    kinds: entries.map((fields) => (pack[Number(fields[4])]! >> 4) & 7),
  };
}

/** Deltas that come before their base, by the rows of `git verify-pack -v`. */
function forwardDeltas(rows: readonly string[][]): string[] {
  const offsets = new Map(rows.map(([oid, , , , offset]) => [oid!, Number(offset)]));
  return rows.filter(([, , , , offset, , base]) =>
    base !== undefined && offsets.get(base)! > Number(offset)
  ).map(([oid]) => oid!);
}

interface PackEntries {
  readonly forward: readonly string[];
  readonly standsAlone: boolean;
  readonly complaint: string;
  readonly oids: readonly string[];
  readonly kinds: readonly number[];
}

const OFS_DELTA = 6;

/** A repository whose last commit changes one line of a long file. */
async function grown(context: CaseContext) {
  const repository = await context.seeded();
  const text = Array.from({ length: 400 }, (_, at) => `line ${at} of a long file\n`).join("");
  const old = await context.commit(repository.work, "long.txt", text);
  await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
  const tip = await context.commit(repository.work, "long.txt", `${text}one more line\n`);
  await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
  return { ...repository, old, tip };
}

async function mainOf(context: CaseContext, { source }: PushedRepository): Promise<string> {
  return await context.text(["-C", source, "rev-parse", "main"]);
}

conformance("pack content", {
  "a client without side bands gets the bare pack": async (context) => {
    const repository = await context.history();
    const wants = [await mainOf(context, repository)];
    const answer = await fetchV0(context, repository, { capabilities: [], wants });
    assert.deepEqual(answer.lines, ["NAK"]);
    assert.equal(answer.bands[0].length, 0);
    assert.ok((await unpacked(context, answer.rest)).oids.includes(wants[0]!));
  },
  "side-band and side-band-64k carry the same pack": async (context) => {
    const repository = await context.history();
    const wants = [await mainOf(context, repository)];
    const packs = [];
    for (const band of ["side-band", "side-band-64k"]) {
      const capabilities = [band, "ofs-delta"];
      const answer = await fetchV0(context, repository, { capabilities, wants });
      assert.equal(answer.rest.length, 0);
      packs.push((await unpacked(context, answer.bands[0])).oids);
    }
    assert.deepEqual(packs[0], packs[1]);
  },
  "no packet of the old side-band is longer than 1000 bytes": async (context) => {
    const repository = await context.history();
    const wants = [await mainOf(context, repository)];
    const body = requestLines(
      `want ${wants[0]} side-band object-format=${context.objectFormat}`,
      "0000",
      "done",
    );
    const answer = await converse(context, repository, { service: "git-upload-pack", body });
    let longest = 0;
    for (let at = 0; at < answer.length;) {
      const length = parseInt(new TextDecoder().decode(answer.subarray(at, at + 4)), 16);
      longest = Math.max(longest, length);
      at += Math.max(4, length);
    }
    assert.ok(longest > 500 && longest <= 1000, `${longest}`);
  },
  "progress is told unless the client wants none": async (context) => {
    const repository = await context.history();
    const wants = [await mainOf(context, repository)];
    const told = async (...more: string[]) => {
      const capabilities = ["side-band-64k", ...more];
      return (await fetchV0(context, repository, { capabilities, wants })).bands[1];
    };
    assert.match(await told(), /objects/);
    assert.equal(await told("no-progress"), "");
    const args = [`want ${wants[0]}`, "done"];
    assert.match((await fetchV2(context, repository, args)).bands[1], /objects/);
    assert.equal((await fetchV2(context, repository, ["no-progress", ...args])).bands[1], "");
  },
  "a quick answer carries no keep-alive": async (context) => {
    const repository = await context.history();
    const args = [`want ${await mainOf(context, repository)}`, "done"];
    assert.equal((await fetchV2(context, repository, args)).keepAlives, 0);
  },
  "thin-pack leaves bases out, without it a pack stands alone": async (context) => {
    const repository = await grown(context);
    const { old, tip } = repository;
    const args = ["ofs-delta", `want ${tip}`, `have ${old}`, "done"];
    const whole = await unpacked(context, (await fetchV2(context, repository, args)).bands[0]);
    assert.ok(whole.standsAlone, whole.complaint);
    assert.equal(whole.oids.length, 3);
    const thin = await fetchV2(context, repository, ["thin-pack", ...args]);
    const alone = await unpacked(context, thin.bands[0]);
    assert.ok(!alone.standsAlone && /unresolved delta/.test(alone.complaint));
  },
  "offset deltas come only to clients that know them": async (context) => {
    const repository = await context.history();
    const wants = [await mainOf(context, repository)];
    const kinds = async (...capabilities: string[]) => {
      const answer = await fetchV0(context, repository, {
        capabilities: ["side-band-64k", ...capabilities],
        wants,
      });
      return (await unpacked(context, answer.bands[0])).kinds;
    };
    const known = await kinds("ofs-delta");
    assert.ok(known.includes(OFS_DELTA));
    assert.ok(!(await kinds()).includes(OFS_DELTA));
  },
  // git takes them in any order and never sends one the other way; isomorphic-git fails on that.
  "a delta comes after its base, in shallow and filtered packs too": async (context) => {
    const repository = await context.history();
    const want = `want ${await mainOf(context, repository)}`;
    for (const more of [[], ["deepen 1"], ["deepen 4"], ["filter blob:limit=2k"]]) {
      const args = ["ofs-delta", ...more, want, "done"];
      const entries = await unpacked(context, (await fetchV2(context, repository, args)).bands[0]);
      assert.ok(entries.standsAlone, entries.complaint);
      assert.deepEqual(entries.forward, [], more.join());
    }
  },
  "include-tag brings the tag of what is sent, without it none comes": async (context) => {
    const repository = await context.seeded();
    await context.git(["-C", repository.work, "tag", "-a", "-m", "release", "v1"]);
    await context.git(["-C", repository.work, "push", "-q", "origin", "v1"]);
    const [tip, tag] = await context.lines(["-C", repository.work, "rev-parse", "HEAD", "v1"]);
    for (const included of [true, false]) {
      const flag = included ? ["include-tag"] : [];
      const old = await fetchV0(context, repository, {
        capabilities: ["side-band-64k", ...flag],
        wants: [tip!],
      });
      assert.equal((await unpacked(context, old.bands[0])).oids.includes(tag!), included);
      const answer = await fetchV2(context, repository, [...flag, `want ${tip}`, "done"]);
      assert.equal((await unpacked(context, answer.bands[0])).oids.includes(tag!), included);
    }
  },
  "a pack holds nothing that the client said it has": async (context) => {
    const repository = await grown(context);
    const { old, tip } = repository;
    const args = [`want ${tip}`, `have ${old}`, "done"];
    const { oids } = await unpacked(context, (await fetchV2(context, repository, args)).bands[0]);
    const wanted = await context.lines(
      ["-C", repository.work, "rev-list", "--objects", "--no-object-names", tip, `^${old}`],
    );
    assert.deepEqual(oids, wanted.sort());
  },
});
