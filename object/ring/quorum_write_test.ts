import assert from "node:assert/strict";
import fc from "fast-check";
import type { NodeId } from "@gitstratum/core/rpc";
import type { Placement } from "./placement.ts";
import { QuorumWrite, type QuorumWriteInput, type QuorumWriteOutput } from "./quorum_write.ts";
import { FIRST_LIFE, type LifeVersion } from "./replica_record.ts";

const nodes = (text: string) => [...text] as NodeId[];

/** Owners `abc`, substitutes `xy`; a quorum of two. */
const THREE: Placement = place(["abc"], "xy");
const ALONE: Placement = place(["abc"], "");

function place(groups: readonly string[], substitutes: string, neededCount = 2): Placement {
  return {
    groups: groups.map((text) => ({
      nodes: nodes(text),
      neededCount: Math.min(neededCount, text.length),
    })),
    owners: [...new Set(nodes(groups.join("")))],
    substitutes: nodes(substitutes),
    degraded: false,
  };
}

function show(output: QuorumWriteOutput): string {
  switch (output.kind) {
    case "send":
      return `send ${output.node}@${output.version}`;
    case "hint":
      return `hint ${output.substitute} for ${output.target}@${output.version}`;
    case "withdraw":
      return `withdraw ${output.node}@${output.version}`;
    case "resolve":
      return output.outcome;
    case "settled":
      return [
        "settled",
        ...output.missed.map((n) => `-${n}`),
        ...output.differing.map((n) => `!${n}`),
      ]
        .join(" ");
  }
}

/** `a ok`, `a differs`, `a newer 1`, `a fails`, `a full`, `x keeps`, `x refuses`, `late`; `@2` = at that version. */
function parse(line: string): QuorumWriteInput {
  const [text, at] = line.split("@");
  const [name, verb, found] = text!.split(" ");
  const version = Number(at ?? 0) as LifeVersion;
  const node = name as NodeId;
  switch (verb) {
    case "ok":
      return { kind: "answered", node, version, outcome: { kind: "stored" } };
    case "differs":
      return { kind: "answered", node, version, outcome: { kind: "differs" } };
    case "newer": {
      const outcome = { kind: "newer", version: Number(found) as LifeVersion } as const;
      return { kind: "answered", node, version, outcome };
    }
    case "fails":
    case "full":
      return { kind: "failed", node, version, full: verb === "full" };
    case "keeps":
      return { kind: "kept", substitute: node, version };
    case "refuses":
      return { kind: "not-kept", substitute: node, version };
    default:
      assert.equal(line, "late");
      return { kind: "late" };
  }
}

/** Plays a transcript: each line is an input, an arrow, and the outputs that must follow. */
function play(
  placement: Placement,
  transcript: string,
  what: "living" | "removed" = "living",
): void {
  const [first, ...lines] = transcript.trim().split("\n").map((line) => line.trim());
  const start = (what === "living" ? FIRST_LIFE : 1) as LifeVersion;
  const write = new QuorumWrite(placement, what, start);
  const found = [`start -> ${write.start().map(show).join(", ")}`];
  for (const line of lines) {
    const input = line.split("->")[0]!.trim();
    found.push(`${input} -> ${write.step(parse(input)).map(show).join(", ")}`.trim());
  }
  assert.deepEqual(found, [first, ...lines]);
}

Deno.test("QuorumWrite resolves at the quorum and settles with the last owner", () =>
  play(
    THREE,
    `start -> send a@0, send b@0, send c@0
     b ok ->
     a ok -> durable
     c ok -> settled`,
  ));

Deno.test("QuorumWrite hints for an owner that fails, before and after it resolved", () => {
  play(
    THREE,
    `start -> send a@0, send b@0, send c@0
     a fails -> hint x for a@0
     b ok ->
     x keeps -> durable
     c fails -> hint y for c@0
     y keeps -> settled`,
  );
  play(
    THREE,
    `start -> send a@0, send b@0, send c@0
     a ok ->
     b ok -> durable
     c fails -> hint x for c@0
     x refuses -> hint y for c@0
     y refuses -> settled -c`,
  );
});

Deno.test("QuorumWrite hints for owners that are late, whose own answers still count", () =>
  play(
    THREE,
    `start -> send a@0, send b@0, send c@0
     a ok ->
     late -> hint x for b@0, hint y for c@0
     x keeps -> durable
     b ok ->
     c fails ->
     y keeps -> settled`,
  ));

Deno.test("QuorumWrite is unavailable once no quorum can come any more", () => {
  play(
    ALONE,
    `start -> send a@0, send b@0, send c@0
     a fails ->
     b fails -> unavailable
     c ok -> settled -a -b`,
  );
  play(
    ALONE,
    `start -> send a@0, send b@0, send c@0
     a full ->
     b fails -> disk-full
     c ok -> settled -a -b`,
  );
});

Deno.test("QuorumWrite withdraws its copies when most owners hold other bytes", () =>
  play(
    THREE,
    `start -> send a@0, send b@0, send c@0
     a ok ->
     b differs ->
     c differs -> conflict, withdraw a@0, settled !b !c`,
  ));

Deno.test("QuorumWrite withdraws copies that are stored after a conflict", () =>
  play(
    THREE,
    `start -> send a@0, send b@0, send c@0
     b differs ->
     c differs -> conflict
     a ok -> withdraw a@0, settled !b !c`,
  ));

Deno.test("QuorumWrite reports a single owner with other bytes", () =>
  play(
    THREE,
    `start -> send a@0, send b@0, send c@0
     b differs ->
     a ok ->
     c ok -> durable, settled !b`,
  ));

Deno.test("QuorumWrite writes again above a removal that it meets", () =>
  play(
    THREE,
    `start -> send a@0, send b@0, send c@0
     a newer 1 -> send a@2, send b@2, send c@2
     b ok@0 ->
     b ok@2 ->
     c newer 1@0 ->
     c ok@2 -> durable
     a ok@2 -> settled`,
  ));

Deno.test("QuorumWrite removes above the versions that it meets", () =>
  play(
    THREE,
    `start -> send a@1, send b@1, send c@1
     a newer 2@1 -> send a@3, send b@3, send c@3
     b newer 5@3 -> send a@5, send b@5, send c@5
     b ok@5 ->
     c ok@5 -> durable
     a fails@5 -> hint x for a@5
     x keeps@5 -> settled`,
    "removed",
  ));

Deno.test("QuorumWrite needs a quorum of the old and of the new owners while the ring changes", () =>
  play(
    place(["abc", "bcd"], "x"),
    `start -> send a@0, send b@0, send c@0, send d@0
     a ok ->
     d ok ->
     b ok -> durable
     c fails -> hint x for c@0
     x keeps -> settled`,
  ));

Deno.test("QuorumWrite works with fewer nodes than replicas, and not with none", () => {
  play(place(["a"], ""), "start -> send a@0\na ok -> durable, settled");
  play(place([""], ""), "start -> unavailable, settled");
});

Deno.test("QuorumWrite answers once, settles once, and is durable exactly with its quorums", () => {
  const scenario = fc.record({
    groups: fc.constantFrom(["abc"], ["abc", "bcd"], ["abc", "def"], ["ab"], ["a"]),
    substitutes: fc.constantFrom("", "x", "xy"),
    fates: fc.array(fc.constantFrom("ok", "differs", "fails", "newer"), {
      minLength: 40,
      maxLength: 40,
    }),
    picks: fc.array(fc.nat(), { minLength: 80, maxLength: 80 }),
    lateAt: fc.nat({ max: 20 }),
  });
  fc.assert(fc.property(scenario, ({ groups, substitutes, fates, picks, lateAt }) => {
    const placement = place(groups, substitutes);
    const write = new QuorumWrite(placement, "living", FIRST_LIFE);
    const queue: string[] = [];
    const seen: QuorumWriteOutput[] = [];
    const holds = new Set<string>();
    let newerCount = 0;
    const take = (outputs: QuorumWriteOutput[]) => {
      for (const output of outputs) {
        seen.push(output);
        if (output.kind === "send") {
          const fate = fates[queue.length % fates.length];
          const isNewer = fate === "newer" && newerCount++ < 2;
          const verb = isNewer ? `newer ${output.version + 1}` : fate === "newer" ? "ok" : fate;
          queue.push(`${output.node} ${verb}@${output.version}`);
        } else if (output.kind === "hint") {
          const verb = fates[(queue.length + 7) % fates.length] === "fails" ? "refuses" : "keeps";
          queue.push(`${output.substitute} ${verb}@${output.version} ${output.target}`);
        } else if (output.kind === "resolve" && output.outcome === "durable") {
          for (const group of placement.groups) {
            const count = group.nodes.filter((node) =>
              holds.has(`${node}@${write.version}`)
            ).length;
            assert.ok(count >= group.neededCount, "durable means a quorum in each group");
          }
        }
      }
    };
    take(write.start());
    for (let turn = 0; queue.length > 0; turn++) {
      if (turn === lateAt) take(write.step({ kind: "late" }));
      const [line] = queue.splice(picks[turn % picks.length]! % queue.length, 1);
      const [head, target] = line!.split(/(?<=@\d+) /);
      const [node, verb] = head!.split("@")[0]!.split(" ");
      const at = head!.split("@")[1];
      if (verb === "ok") holds.add(`${node}@${at}`);
      if (verb === "keeps") holds.add(`${target}@${at}`);
      take(write.step(parse(head!)));
    }
    assert.equal(seen.filter(({ kind }) => kind === "resolve").length, 1);
    assert.equal(seen.filter(({ kind }) => kind === "settled").length, 1);
  }));
});
