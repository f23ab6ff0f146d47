/** Requests to receive-pack that git's own client would not make, or not like this. */

import assert from "node:assert/strict";
import type { CaseContext, ServedRepository } from "./case_context.ts";
import { conformance } from "./conformance.ts";
import {
  converse,
  pushBody,
  type RawPush,
  type SplitAnswer,
  splitAnswer,
} from "./raw_conversation.ts";

/** Pushes; the answer with the report taken out of its side band. */
async function pushed(
  context: CaseContext,
  repository: ServedRepository,
  push: RawPush,
): Promise<SplitAnswer> {
  const body = pushBody(context, push);
  const answer = splitAnswer(
    await converse(context, repository, { service: "git-receive-pack", body }),
  );
  if (answer.bands[0].length === 0) return answer;
  return { ...answer, lines: splitAnswer(answer.bands[0]).lines };
}

/** A repository with commits, and the command that makes a branch of its tip. */
async function seeded(context: CaseContext, branch: string) {
  const repository = await context.seeded();
  const [tip, older] = await context.lines(
    ["-C", repository.work, "rev-parse", "HEAD", "HEAD~1"],
  );
  const creation = `${context.zeroOid} ${tip} refs/heads/${branch}`;
  return { ...repository, tip: tip!, older: older!, creation };
}

conformance("push requests", {
  "a report comes in the band that was asked for": async (context) => {
    for (const capabilities of ["report-status", "report-status side-band-64k"]) {
      const repository = await seeded(context, "new");
      const answer = await pushed(context, repository, {
        commands: [repository.creation],
        capabilities,
      });
      assert.deepEqual(answer.lines, ["unpack ok", "ok refs/heads/new", "0000"]);
      assert.equal(answer.bands[0].length > 0, capabilities.includes("side-band"));
    }
  },
  "report-status-v2 says the same of plain updates": async (context) => {
    const repository = await seeded(context, "new");
    const answer = await pushed(context, repository, {
      commands: [repository.creation, `${repository.older} ${repository.tip} refs/heads/none`],
      capabilities: "report-status-v2 side-band-64k",
    });
    assert.deepEqual(answer.lines.slice(0, 2), ["unpack ok", "ok refs/heads/new"]);
    assert.match(answer.lines[2]!, /^ng refs\/heads\/none failed to update ref/);
  },
  "who asks for no report gets none, and the push counts": async (context) => {
    const repository = await seeded(context, "silent");
    const answer = await pushed(context, repository, {
      commands: [repository.creation],
      capabilities: "agent=test",
    });
    assert.deepEqual(answer.lines, []);
    assert.equal(await context.remoteOid(repository, "refs/heads/silent"), repository.tip);
  },
  "quiet leaves progress out": async (context) => {
    const repository = await seeded(context, "quiet");
    const answer = await pushed(context, repository, {
      commands: [repository.creation],
      capabilities: "report-status side-band-64k quiet",
    });
    assert.equal(answer.bands[1], "");
    assert.deepEqual(answer.lines.slice(0, 2), ["unpack ok", "ok refs/heads/quiet"]);
  },
  "a stale old value is refused": async (context) => {
    const repository = await seeded(context, "new");
    const { older, tip } = repository;
    const answer = await pushed(context, repository, {
      commands: [
        `${older} ${older} refs/heads/main`,
        `${context.zeroOid} ${older} refs/heads/main`,
      ],
      capabilities: "report-status",
    });
    assert.ok(!answer.lines.includes("ok refs/heads/main"));
    assert.equal(await context.remoteOid(repository, "refs/heads/main"), tip);
  },
  "atomic with a stale command changes nothing, without it the rest counts": async (context) => {
    for (const atomic of [true, false]) {
      const repository = await seeded(context, "good");
      const stale = `${context.unknownOid} ${repository.older} refs/heads/main`;
      const answer = await pushed(context, repository, {
        commands: [repository.creation, stale],
        capabilities: `report-status${atomic ? " atomic" : ""}`,
      });
      assert.ok(answer.lines.some((line) => line.startsWith("ng refs/heads/main ")));
      const good = await context.remoteOid(repository, "refs/heads/good");
      assert.equal(good, atomic ? undefined : repository.tip);
    }
  },
  "a tip that is in no pack is refused": async (context) => {
    const repository = await seeded(context, "new");
    const answer = await pushed(context, repository, {
      commands: [`${context.zeroOid} ${context.unknownOid} refs/heads/none`],
      capabilities: "report-status",
    });
    assert.match(answer.lines.join("\n"), /ng refs\/heads\/none/);
    assert.equal(await context.remoteOid(repository, "refs/heads/none"), undefined);
  },
  "an object that is there already may come again": async (context) => {
    const repository = await seeded(context, "again");
    const { work, tip } = repository;
    const path = context.temp.join("again");
    await context.git([
      "-C",
      work,
      "-c",
      "pack.compression=0",
      "pack-objects",
      "-q",
      path,
      "--revs",
    ], {
      stdin: `${tip}\n`,
    });
    const [name] = [...Deno.readDirSync(context.temp.path)].map((entry) => entry.name)
      .filter((each) => /^again-.*\.pack$/.test(each));
    const answer = await pushed(context, repository, {
      commands: [repository.creation],
      capabilities: "report-status",
      pack: await Deno.readFile(context.temp.join(name!)),
    });
    assert.deepEqual(answer.lines.slice(0, 2), ["unpack ok", "ok refs/heads/again"]);
    await context.clone(repository, "--mirror");
  },
  "deletions need no pack": async (context) => {
    const repository = await seeded(context, "new");
    await context.git(["-C", repository.work, "push", "-q", "origin", "main:gone"]);
    const answer = await pushed(context, repository, {
      commands: [`${repository.tip} ${context.zeroOid} refs/heads/gone`],
      capabilities: "report-status delete-refs",
      pack: "none",
    });
    assert.deepEqual(answer.lines, ["unpack ok", "ok refs/heads/gone", "0000"]);
  },
  "a command in the other object format is refused": async (context) => {
    const repository = await seeded(context, "new");
    const other = context.objectFormat === "sha1" ? 64 : 40;
    const answer = await pushed(context, repository, {
      commands: [`${"0".repeat(other)} ${"1".repeat(other)} refs/heads/other`],
      capabilities: "report-status",
    });
    assert.ok(!answer.lines.some((line) => line.startsWith("ok ")));
    assert.equal(await context.remoteOid(repository, "refs/heads/other"), undefined);
  },
});

conformance("push options", {
  "options that were not agreed on are not read as such": async (context) => {
    const repository = await seeded(context, "odd");
    const answer = await pushed(context, repository, {
      commands: [repository.creation],
      capabilities: "report-status",
      pushOptions: ["one"],
    });
    assert.ok(!answer.lines.includes("ok refs/heads/odd"));
    assert.equal(await context.remoteOid(repository, "refs/heads/odd"), undefined);
  },
  "a thousand options are taken, more are not": async (context) => {
    for (const count of [1000, 1001]) {
      const repository = await seeded(context, "many");
      const answer = await pushed(context, repository, {
        commands: [repository.creation],
        capabilities: "report-status push-options",
        pushOptions: Array.from({ length: count }, (_, at) => `option${at}`),
      });
      assert.equal(answer.lines.includes("ok refs/heads/many"), count === 1000);
    }
  },
}, { ownOnly: true });
