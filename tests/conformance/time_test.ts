/** What depends on time: keep-alives while the server computes, the grace time of former references. */

import assert from "node:assert/strict";
import { type Clock, systemClock } from "@gitstratum/core";
import { InProcessServer } from "../harness/in_process_server.ts";
import type { CaseContext, ServedRepository } from "./case_context.ts";
import { conformance } from "./conformance.ts";
import { commandBody, converse, pushBody, requestLines, splitAnswer } from "./raw_conversation.ts";

const HOUR_MS = 3600 * 1000;
/** The longest silence that is allowed. */
const KEEP_ALIVE_MS = 5000;

/** How often the metadata forgets what is past its time. */
const ROUND_MS = 60_000;

/** The machine's time, on a day that goes by when it is told to. */
class LaterClock implements Clock {
  #shiftMs = 0;
  #rounds = new Set<() => void>();
  #roundWaits = Promise.withResolvers<void>();

  nowMs(): number {
    return systemClock.nowMs() + this.#shiftMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#shiftMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms !== ROUND_MS) return systemClock.sleep(ms, signal);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      this.#rounds.add(resolve);
      this.#roundWaits.resolve();
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }

  /** Lets hours go by, and the chores that are due then come to their end. */
  async pass(hours: number): Promise<void> {
    await this.#roundWaits.promise;
    this.#shiftMs += hours * HOUR_MS;
    this.#roundWaits = Promise.withResolvers();
    for (const wake of this.#rounds) wake();
    this.#rounds.clear();
    await this.#roundWaits.promise;
  }
}

/** On this clock some silences are over as soon as they begin. */
class HastyClock implements Clock {
  /** How many silences of {@link KEEP_ALIVE_MS} will be. */
  silences = 0;

  nowMs(): number {
    return systemClock.nowMs();
  }

  monotonicMs(): number {
    return systemClock.monotonicMs();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms !== KEEP_ALIVE_MS || this.silences === 0) return systemClock.sleep(ms, signal);
    this.silences--;
    return Promise.resolve();
  }
}

const later = new LaterClock();
const hasty = new HastyClock();

/** A commit that `main` held until it was taken back. */
async function abandoned(context: CaseContext) {
  const repository = await context.seeded();
  const oid = await context.commit(repository.work, "abandoned.txt");
  await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
  await context.git(["-C", repository.work, "push", "-q", "--force", "origin", "main~1:main"]);
  return { repository, oid };
}

async function fetchedById(
  context: CaseContext,
  repository: ServedRepository,
  want: { readonly oid: string; readonly version: number },
): Promise<boolean> {
  const work = await context.workTree(repository);
  const flags = ["-c", `protocol.version=${want.version}`, "fetch", "-q", "origin", want.oid];
  const { code, stderr } = await context.git(["-C", work, ...flags], { anyExit: true });
  if (code !== 0) assert.match(stderr, new RegExp(`not our ref ${want.oid}`));
  return code === 0;
}

conformance("former references", {
  "what a branch held until recently is served, and refused when the grace is over": async (
    context,
  ) => {
    const { repository, oid } = await abandoned(context);
    for (const version of [0, 2]) {
      assert.equal(await fetchedById(context, repository, { oid, version }), true);
    }
    await later.pass(23);
    assert.equal(await fetchedById(context, repository, { oid, version: 2 }), true);
    await later.pass(2);
    for (const version of [0, 1, 2]) {
      assert.equal(await fetchedById(context, repository, { oid, version }), false);
    }
  },
  "a deleted branch has the same grace": async (context) => {
    const repository = await context.seeded();
    const { work } = repository;
    await context.git(["-C", work, "checkout", "-q", "-b", "gone"]);
    const oid = await context.commit(work, "gone.txt");
    await context.git(["-C", work, "push", "-q", "origin", "gone"]);
    await context.git(["-C", work, "push", "-q", "origin", ":gone"]);
    assert.equal(await fetchedById(context, repository, { oid, version: 2 }), true);
    await later.pass(25);
    assert.equal(await fetchedById(context, repository, { oid, version: 2 }), false);
  },
  "what a reference holds is served however old it is": async (context) => {
    const repository = await context.seeded();
    const oid = await context.text(["-C", repository.work, "rev-parse", "HEAD~1"]);
    await later.pass(25);
    assert.equal(await fetchedById(context, repository, { oid, version: 2 }), true);
  },
  "a reference that comes back within the grace brings everything with it": async (context) => {
    const { repository, oid } = await abandoned(context);
    await context.git(["-C", repository.work, "push", "-q", "origin", `${oid}:refs/heads/back`]);
    await later.pass(25);
    assert.equal(await fetchedById(context, repository, { oid, version: 2 }), true);
    await context.clone(repository);
  },
}, { ownOnly: true, start: () => InProcessServer.start(later) });

conformance("keep-alives", {
  "a client without side bands gets nothing but its pack": async (context) => {
    const repository = await context.history();
    const oid = await context.text(["-C", repository.source, "rev-parse", "main"]);
    const want = `want ${oid} object-format=${context.objectFormat}`;
    const body = requestLines(want, "0000", "done");
    const request = { service: "git-upload-pack", body } as const;
    hasty.silences = 4;
    const answer = splitAnswer(await converse(context, repository, request));
    assert.deepEqual(answer.lines, ["NAK"]);
    assert.equal(answer.keepAlives, 0);
    assert.equal(new TextDecoder().decode(answer.rest.subarray(0, 4)), "PACK");
  },
  "git clones in spite of keep-alives": async (context) => {
    for (const version of [0, 1, 2]) {
      hasty.silences = 4;
      const copy = await context.clone(
        await context.history(),
        "--mirror",
        "-c",
        `protocol.version=${version}`,
      );
      assert.ok((await context.held(copy)).size > 100);
    }
  },
  "a push is kept alive while it is taken in, and git understands": async (context) => {
    const { source } = await context.history();
    const repository = await context.empty();
    hasty.silences = 4;
    const packets = await context.packets(["-C", source, "push", "--mirror", repository.url]);
    assert.match(packets, /sideband< \\1$/m);
    await context.clone(repository, "--mirror");
  },
  "a push without side bands gets nothing but its report": async (context) => {
    const repository = await context.seeded();
    const oid = await context.text(["-C", repository.work, "rev-parse", "HEAD"]);
    const command = `${context.zeroOid} ${oid} refs/heads/again`;
    const body = pushBody(context, { commands: [command], capabilities: "report-status" });
    const request = { service: "git-receive-pack", body } as const;
    hasty.silences = 4;
    const answer = splitAnswer(await converse(context, repository, request));
    assert.deepEqual(answer.lines, ["unpack ok", "ok refs/heads/again", "0000"]);
    assert.equal(answer.keepAlives, 0);
  },
}, { ownOnly: true, start: () => InProcessServer.start(hasty) });

// Over SSH a write takes longer than such a small pack: there the session's own test has to do.
conformance("keep-alives over HTTP", {
  "a fetch is kept alive while its pack is made": async (context) => {
    for (const version of [0, 2] as const) {
      // The first pack of a repository takes a while; with everything in memory the next is there at once.
      const { source } = await context.history();
      const repository = await context.empty();
      await context.git(["-C", source, "push", "-q", "--mirror", repository.url]);
      const oid = await context.text(["-C", source, "rev-parse", "main"]);
      const capabilities = `side-band-64k no-progress object-format=${context.objectFormat}`;
      const body = version === 0
        ? requestLines(`want ${oid} ${capabilities}`, "0000", "done")
        : commandBody(context, "fetch", { args: ["no-progress", `want ${oid}`, "done"] });
      // One silence is over before the pack's section begins.
      hasty.silences = 4;
      const request = { service: "git-upload-pack", version, body } as const;
      const answer = splitAnswer(await converse(context, repository, request));
      assert.ok(answer.keepAlives > 0, `version ${version}`);
      assert.equal(answer.bands[1], "", "keep-alives are no progress");
      assert.equal(new TextDecoder().decode(answer.bands[0].subarray(0, 4)), "PACK");
    }
  },
}, { ownOnly: true, transports: ["http"], start: () => InProcessServer.start(hasty) });
