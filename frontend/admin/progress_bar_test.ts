import assert from "node:assert/strict";
import { ManualClock } from "@gitstratum/core";
import { ProgressBar } from "./progress_bar.ts";

async function draw(options: { readonly total?: number; readonly isTerminal: boolean }) {
  const clock = new ManualClock();
  const written: string[] = [];
  const { isTerminal, ...more } = options;
  const terminal = { isTerminal, write: (text: string) => void written.push(text) };
  const bar = new ProgressBar(terminal, clock, { what: "deleting", ...more });
  for (let step = 0; step < 20; step++) {
    await clock.advance(50);
    bar.advance(5);
  }
  bar.clear();
  return written;
}

Deno.test("ProgressBar draws how far the work is, not too often, and goes away", async () => {
  const written = await draw({ total: 200, isTerminal: true });
  assert.equal(written[0], "\r\x1b[Kdeleting [######..................] 50/200, 100/s, 2 s left");
  assert.equal(
    written.at(-2),
    "\r\x1b[Kdeleting [############............] 100/200, 100/s, 1 s left",
  );
  assert.equal(written.at(-1), "\r\x1b[K");
  assert.equal(written.length, 7);
});

Deno.test("ProgressBar counts where the end is not known", async () => {
  const written = await draw({ isTerminal: true });
  assert.equal(written[0], "\r\x1b[Kdeleting: 50, 100/s");
});

Deno.test("ProgressBar writes nothing into files", async () => {
  assert.deepEqual(await draw({ total: 5, isTerminal: false }), []);
});
