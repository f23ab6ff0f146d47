import assert from "node:assert/strict";
import type { NodeId } from "@gitstratum/core/rpc";
import { HedgedRead, type HedgedReadOutput, type ReadVerdict } from "./hedged_read.ts";

function show(output: HedgedReadOutput): string {
  if (output.kind === "ask") return `ask ${output.node}`;
  return [output.outcome, ...output.lacking.map((node) => `-${node}`)].join(" ");
}

/** Plays a transcript over nodes `abc`: each line is `late` or `node verdict`, an arrow, the outputs. */
function play(transcript: string, order = "abc"): void {
  const [first, ...lines] = transcript.trim().split("\n").map((line) => line.trim());
  const read = new HedgedRead([...order] as NodeId[], 2);
  const found = [`start -> ${read.start().map(show).join(", ")}`];
  for (const line of lines) {
    const text = line.split("->")[0]!.trim();
    const [node, verdict] = text.split(" ") as [NodeId, ReadVerdict];
    const input = text === "late"
      ? { kind: "late" } as const
      : { kind: "answered", node, verdict } as const;
    found.push(`${text} -> ${read.step(input).map(show).join(", ")}`.trim());
  }
  assert.deepEqual(found, [first, ...lines]);
}

Deno.test("HedgedRead asks one node when that one answers", () =>
  play(`start -> ask a
        a found -> found`));

Deno.test("HedgedRead asks the next node when one is late, and takes the first answer", () =>
  play(`start -> ask a
        late -> ask b
        late -> ask c
        late ->
        b found -> found
        a found ->`));

Deno.test("HedgedRead goes on after copies that are damaged or missing, and names them", () =>
  play(`start -> ask a
        a corrupt -> ask b
        b absent -> ask c
        c found -> found -a -b`));

Deno.test("HedgedRead says not-found only when enough nodes say so", () => {
  play(`start -> ask a
        a absent -> ask b
        b absent -> not-found -a -b`);
  play(`start -> ask a
        a absent -> ask b
        b failed -> ask c
        c failed -> unavailable -a`);
  play(`start -> ask a
        a failed -> ask b
        b absent -> ask c
        c absent -> not-found -b -c`);
});

Deno.test("HedgedRead says corrupt only when every node answered", () => {
  play(`start -> ask a
        a absent -> ask b
        b corrupt -> ask c
        c absent -> corrupt -a -b -c`);
  play(`start -> ask a
        a corrupt -> ask b
        b absent -> ask c
        c failed -> unavailable -a -b`);
});

Deno.test("HedgedRead is unavailable when there are no nodes", () =>
  play("start -> unavailable", ""));
