import assert from "node:assert/strict";
import fc from "fast-check";
import { adopt, type Member, memberState, type Observation, step, wakeAtMs } from "./member.ts";
import { type ControlPolicy, DEFAULT_CONTROL_POLICY } from "./policy.ts";

/** Round numbers for the transcripts: silence is what the transcript says, a suspicion takes 4 s. */
const POLICY: ControlPolicy = { ...DEFAULT_CONTROL_POLICY, silenceMs: 5000, suspicionMs: 4000 };

/**
 * Plays a transcript. A line is `SECONDS WORDS -> STATE`; the words say what is the case: `#2` the
 * newest incarnation (kept until changed), `heard` or `silent`, `ready`, `draining`, `left`, `grace9`
 * grace until second 9.
 */
function play(transcript: string): void {
  let member: Member | undefined;
  let incarnation = 1;
  for (const line of transcript.trim().split("\n").map((text) => text.trim())) {
    const [said, wanted] = line.split(" -> ");
    const [seconds, ...words] = said!.split(/\s+/);
    incarnation = Number(words.find((word) => word.startsWith("#"))?.slice(1) ?? incarnation);
    const observation: Observation = {
      incarnation,
      isAlive: words.includes("heard"),
      isReady: words.includes("ready"),
      draining: words.includes("draining"),
      hasLeft: words.includes("left"),
    };
    const grace = words.find((word) => word.startsWith("grace"))?.slice("grace".length);
    const context = {
      nowMs: Number(seconds) * 1000,
      policy: POLICY,
      ...(grace === undefined ? {} : { graceUntilMs: Number(grace) * 1000 }),
    };
    member = step(member, observation, context);
    assert.equal(memberState(member), wanted, line);
    assert.deepEqual(step(member, observation, context), member, `${line}: looking twice`);
  }
}

Deno.test("step() takes a node from joining to active to down", () => {
  play(`
    0   heard       -> joining
    1   heard ready -> active
    2   heard ready -> active
    7   silent      -> suspect
    10  silent      -> suspect
    11  silent      -> down
    12  heard ready -> down
    13  #2 heard    -> joining
    14  heard ready -> active
  `);
});

Deno.test("step() forgives a suspect that is heard in time", () => {
  play(`
    0  heard ready -> active
    5  silent      -> suspect
    8  heard       -> suspect
    8  heard ready -> active
    20 heard ready -> active
  `);
});

Deno.test("step() gives up a node that registered and never came", () => {
  play(`
    0 heard  -> joining
    5 silent -> down
  `);
});

Deno.test("step() lets a node that restarts quickly keep its duties", () => {
  play(`
    0 heard ready    -> active
    1 #2 heard ready -> active
    2 #3 heard       -> suspect
    3 heard ready    -> active
    4 #4 heard       -> suspect
    8 heard          -> down
  `);
});

Deno.test("step() keeps draining through restarts and gives up a draining node as any other", () => {
  play(`
    0  heard ready             -> active
    1  heard ready draining    -> draining
    2  silent draining         -> suspect
    3  #2 heard ready draining -> draining
    4  silent draining         -> suspect
    8  silent draining         -> down
    9  #3 heard ready draining -> draining
    10 heard ready             -> active
  `);
});

Deno.test("step() takes longer to give up a node that was suspected three times lately", () => {
  play(`
    0   heard ready -> active
    10  silent      -> suspect
    11  heard ready -> active
    20  silent      -> suspect
    21  heard ready -> active
    30  silent      -> suspect
    37  silent      -> suspect
    38  silent      -> down
  `);
  play(`
    0   heard ready -> active
    10  silent      -> suspect
    11  heard ready -> active
    20  silent      -> suspect
    21  heard ready -> active
    620 silent      -> suspect
    624 silent      -> down
  `);
});

Deno.test("step() believes a node that says that it stops, and its next incarnation", () => {
  play(`
    0 heard ready          -> active
    1 heard ready left     -> down
    2 silent left          -> down
    3 #2 heard             -> joining
    4 heard ready          -> active
    5 heard ready draining -> draining
    6 silent draining left -> down
  `);
});

Deno.test("step() gives nobody up for silence during a grace time", () => {
  play(`
    0  heard ready  -> active
    1  silent grace20 -> suspect
    19 silent grace20 -> suspect
    20 silent grace20 -> down
  `);
  play(`
    0  heard        -> joining
    1  silent grace9 -> joining
    9  silent grace9 -> down
  `);
  play(`
    0  heard ready  -> active
    5  silent grace6 -> suspect
    8  silent grace6 -> suspect
    9  silent grace6 -> down
  `);
});

Deno.test("adopt() begins a suspicion anew and keeps everything else", () => {
  const context = { nowMs: 50_000, policy: POLICY };
  for (const state of ["joining", "active", "suspect", "down", "draining"] as const) {
    const member = adopt({ incarnation: 3, state }, context);
    assert.equal(memberState(member), state);
    assert.equal(wakeAtMs(member), state === "suspect" ? 54_000 : undefined);
  }
});

Deno.test("step() never revives a node that was given up without a new registration", () => {
  const looks = fc.array(fc.record({
    afterMs: fc.nat({ max: 9000 }),
    isAlive: fc.boolean(),
    isReady: fc.boolean(),
    draining: fc.boolean(),
    isNew: fc.boolean(),
  }));
  fc.assert(fc.property(looks, (looks) => {
    let member: Member | undefined;
    let nowMs = 0;
    let incarnation = 1;
    for (const { afterMs, isNew, ...look } of looks) {
      nowMs += afterMs;
      if (isNew) incarnation++;
      const before = member;
      member = step(before, { ...look, incarnation }, { nowMs, policy: POLICY });
      assert.equal(member.incarnation, incarnation);
      if (before?.liveness.kind === "down" && !isNew) assert.equal(member.liveness.kind, "down");
      const wake = wakeAtMs(member);
      assert.ok(wake === undefined || wake > nowMs, "a suspicion ends in the future");
      assert.ok(member.suspicionsMs.length <= looks.length);
    }
  }));
});
