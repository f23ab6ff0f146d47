/** Requests to upload-pack that git's own client would not make, or not like this. */

import assert from "node:assert/strict";
import type { CaseContext, ServedRepository } from "./case_context.ts";
import { conformance } from "./conformance.ts";
import {
  commandBody,
  converse,
  packetTexts,
  requestLines,
  splitAnswer,
} from "./raw_conversation.ts";

/** The answer to a version 2 command, as text lines with bands left out. */
async function asked(
  context: CaseContext,
  repository: ServedRepository,
  body: string,
): Promise<readonly string[]> {
  const request = { service: "git-upload-pack", version: 2, body } as const;
  return splitAnswer(await converse(context, repository, request)).lines;
}

/** The answer to a fetch of version 0 without its pack. */
async function askedV0(
  context: CaseContext,
  repository: ServedRepository,
  ...lines: readonly string[]
): Promise<readonly string[]> {
  const body = requestLines(...lines);
  const request = { service: "git-upload-pack", body } as const;
  return splitAnswer(await converse(context, repository, request)).lines;
}

/** Two commits of `main` on the server, the older one first. */
async function ends(context: CaseContext, { work }: { readonly work: string }) {
  const [old, tip] = await context.lines(["-C", work, "rev-parse", "HEAD~1", "HEAD"]);
  return { old: old!, tip: tip! };
}

conformance("negotiation", {
  "multi_ack acknowledges each common commit": async (context) => {
    const repository = await context.seeded();
    const { old, tip } = await ends(context, repository);
    const format = `object-format=${context.objectFormat}`;
    const answer = async (mode: string) =>
      await askedV0(
        context,
        repository,
        `want ${tip} ${mode} side-band-64k ${format}`,
        "0000",
        `have ${context.unknownOid}`,
        `have ${old}`,
        "done",
      );
    assert.ok((await answer("multi_ack")).includes(`ACK ${old} continue`));
    assert.ok(
      (await answer("multi_ack_detailed")).some((line) =>
        line === `ACK ${old} common` || line === `ACK ${old} ready`
      ),
    );
    for (const mode of ["multi_ack", "multi_ack_detailed", ""]) {
      assert.ok((await answer(mode)).includes(`ACK ${old}`), `the last one, ${mode}`);
      assert.ok(!(await answer(mode)).some((line) => line.includes(context.unknownOid)));
    }
  },
  "a client that shares nothing is told NAK": async (context) => {
    const repository = await context.seeded();
    const { tip } = await ends(context, repository);
    const want =
      `want ${tip} multi_ack_detailed side-band-64k object-format=${context.objectFormat}`;
    const answer = await askedV0(
      context,
      repository,
      want,
      "0000",
      `have ${context.unknownOid}`,
      "done",
    );
    assert.deepEqual(answer.filter((line) => /^(ACK|NAK)/.test(line)), ["NAK"]);
  },
  "a common commit that is enough is told as ready, unless the client waits for done": async (
    context,
  ) => {
    const repository = await context.seeded();
    const { old, tip } = await ends(context, repository);
    const args = [`want ${tip}`, `have ${old}`];
    const ready = await asked(context, repository, commandBody(context, "fetch", { args }));
    assert.deepEqual(ready.slice(0, 5), [
      "acknowledgments",
      `ACK ${old}`,
      "ready",
      "0001",
      "packfile",
    ]);
    const waiting = commandBody(context, "fetch", { args: ["wait-for-done", ...args] });
    assert.deepEqual(await asked(context, repository, waiting), [
      "acknowledgments",
      `ACK ${old}`,
      "0000",
    ]);
  },
  "wait-for-done ends in a pack once the client is done": async (context) => {
    const repository = await context.seeded();
    const { old, tip } = await ends(context, repository);
    const args = ["wait-for-done", `want ${tip}`, `have ${old}`, "done"];
    const lines = await asked(context, repository, commandBody(context, "fetch", { args }));
    assert.equal(lines[0], "packfile");
  },
});

conformance("requests of version 2", {
  "server options come with every command": async (context) => {
    const repository = await context.history();
    const capabilities = ["server-option=one", "server-option=two=2", "agent=test/1"];
    const listing = commandBody(context, "ls-refs", { capabilities, args: ["ref-prefix HEAD"] });
    const lines = await asked(context, repository, listing);
    assert.match(lines[0] ?? "", / HEAD$/);
    const work = await context.workTree(repository);
    const flags = ["-c", "protocol.version=2", "fetch", "-o", "one", "origin", "main"];
    const packets = await context.packets(["-C", work, ...flags]);
    assert.equal(packets.match(/> server-option=one/g)?.length, 2, "to ls-refs and to fetch");
  },
  "a capability that was not offered is refused": async (context) => {
    const repository = await context.history();
    const capabilities = ["no-such-capability=1"];
    const body = commandBody(context, "ls-refs", { capabilities });
    const lines = await asked(context, repository, body);
    assert.match(lines.join("\n"), /^ERR .*unknown capability 'no-such-capability=1'/);
  },
  "a command that was not offered is refused": async (context) => {
    const lines = await asked(
      context,
      await context.history(),
      commandBody(context, "none-such"),
    );
    assert.match(lines.join("\n"), /^ERR .*invalid command 'none-such'/);
  },
  "a request in the other object format is refused": async (context) => {
    const other = context.objectFormat === "sha1" ? "sha256" : "sha1";
    const body = requestLines("command=ls-refs", `object-format=${other}`, "0000");
    const lines = await asked(context, await context.history(), body);
    assert.match(lines.join("\n"), /^ERR .*mismatched object format/);
  },
  "an argument that was not offered is refused": async (context) => {
    const repository = await context.history();
    for (const command of ["ls-refs", "fetch"]) {
      const body = commandBody(context, command, { args: ["no-such-argument"] });
      assert.match((await asked(context, repository, body)).join("\n"), /^ERR .*no-such-argument/);
    }
  },
  "a name that is not there is not known to ref-in-want": async (context) => {
    const body = commandBody(context, "fetch", { args: ["want-ref refs/heads/none", "done"] });
    const lines = await asked(context, await context.history(), body);
    assert.match(lines.join("\n"), /^ERR .*unknown ref refs\/heads\/none/);
  },
  "a malformed want is refused": async (context) => {
    const body = commandBody(context, "fetch", { args: ["want 1234", "done"] });
    assert.match((await asked(context, await context.history(), body)).join("\n"), /^ERR /);
  },
  "nothing is framed that the client did not ask to be": async (context) => {
    const repository = await context.seeded();
    const args = ["want-ref refs/heads/main", "done"];
    const plain = await asked(context, repository, commandBody(context, "fetch", { args }));
    assert.deepEqual(plain.slice(0, 4), [
      "wanted-refs",
      `${await context.remoteOid(repository, "refs/heads/main")} refs/heads/main`,
      "0001",
      "packfile",
    ]);
    const all = commandBody(context, "fetch", { args: ["sideband-all", ...args] });
    assert.deepEqual(
      (await asked(context, repository, all)).filter((text) => /[a-z]/.test(text)),
      [],
    );
  },
  "packfile-uris and bundle-uri are not taken where they were not offered": async (context) => {
    const repository = await context.history();
    const packets = await context.packets([
      "-c",
      "protocol.version=2",
      "ls-remote",
      repository.url,
    ]);
    assert.doesNotMatch(packets, /< (fetch=.*packfile-uris|bundle-uri)/);
    const oid = await context.text(["-C", repository.source, "rev-parse", "main"]);
    const fetch = commandBody(context, "fetch", {
      args: ["packfile-uris https", `want ${oid}`, "done"],
    });
    assert.match((await asked(context, repository, fetch)).join("\n"), /^ERR /);
    const bundle = commandBody(context, "bundle-uri");
    assert.match((await asked(context, repository, bundle)).join("\n"), /^ERR /);
  },
}, { ownOnly: true });

/** Asks for the sizes of objects. */
async function sizes(
  context: CaseContext,
  repository: ServedRepository,
  args: readonly string[],
): Promise<string[]> {
  const body = commandBody(context, "object-info", { args });
  const request = { service: "git-upload-pack", version: 2, body } as const;
  return packetTexts(await converse(context, repository, request));
}

conformance("object-info", {
  "sizes are told": async (context) => {
    const repository = await context.history();
    const format = "--batch-check=%(objectname) %(objectsize)";
    const rows = await context.lines(
      ["-C", repository.source, "cat-file", "--batch-all-objects", format],
    );
    const picked = rows.filter((_, at) => at % 7 === 0);
    const oids = picked.map((row) => `oid ${row.split(" ")[0]}`);
    assert.deepEqual(await sizes(context, repository, ["size", ...oids]), ["size", ...picked]);
  },
  "sizes that are not asked for are not told": async (context) => {
    const repository = await context.history();
    const oid = await context.text(["-C", repository.source, "rev-parse", "main"]);
    assert.deepEqual(await sizes(context, repository, [`oid ${oid}`]), []);
  },
  "an unknown object has no size": async (context) => {
    const repository = await context.history();
    const answer = await sizes(context, repository, ["size", `oid ${context.unknownOid}`]);
    assert.deepEqual(answer.map((text) => text.trim()), ["size", context.unknownOid]);
  },
  "an object that no reference reaches has no size": async (context) => {
    const other = await context.seeded();
    const oid = await context.text(["-C", other.work, "rev-parse", "HEAD"]);
    const answer = await sizes(context, await context.history(), ["size", `oid ${oid}`]);
    assert.deepEqual(answer.map((text) => text.trim()), ["size", oid]);
  },
  "a malformed id is refused": async (context) => {
    const answer = await sizes(context, await context.history(), ["size", "oid 12"]);
    assert.match(answer.join("\n"), /^ERR /);
  },
}, { ownOnly: true });
