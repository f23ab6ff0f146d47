import assert from "node:assert/strict";
import { GitStratumError, hasCode } from "../../error.ts";
import { CONTROL_CALL_MS_MAX } from "../../limits.ts";
import { ManualClock } from "../../manual_clock.ts";
import { SeededRandom } from "../../seeded_random.ts";
import { ControlFailover } from "./control_failover.ts";
import { errorResponse } from "../error_response.ts";
import { sampleTopology } from "../testing/topology_samples.ts";
import type { NodeId } from "./topology.ts";

type Mood = "well" | "away" | "hung" | "refuses";

const URLS = ["http://c-0.test", "http://c-1.test", "http://c-2.test"];

/** Three control nodes in changing moods. */
class Stage {
  readonly clock = new ManualClock();
  readonly moods: Mood[] = ["well", "well", "well"];
  readonly asked: number[] = [];
  readonly control = new ControlFailover({
    urls: URLS,
    fetcher: (request) => this.#answer(request),
    clock: this.clock,
    random: new SeededRandom(1),
  });

  #answer(request: Request): Promise<Response> {
    const index = URLS.indexOf(new URL(request.url).origin);
    this.asked.push(index);
    const mood = this.moods[index]!;
    switch (mood) {
      case "away":
        return Promise.reject(new TypeError("connection refused"));
      case "hung":
        return new Promise(() => {});
      case "refuses":
        return Promise.resolve(errorResponse(new GitStratumError("conflict", "Refuse it")));
      case "well":
        return Promise.resolve(Response.json(sampleTopology(index + 1, [])));
    }
  }
}

Deno.test("ControlFailover goes on with the node that answered", async () => {
  const stage = new Stage();
  const first = URLS.indexOf(stage.control.preferredUrl);
  await stage.control.topology();
  await stage.control.topology();
  stage.moods[first] = "away";
  await stage.control.topology();
  await stage.control.topology();
  const next = (first + 1) % 3;
  assert.deepEqual(stage.asked, [first, first, first, next, next]);
});

Deno.test("ControlFailover asks every node once and tells when none answers", async () => {
  const stage = new Stage();
  stage.moods.fill("away");
  await assert.rejects(() => stage.control.topology(), (error) => hasCode(error, "unavailable"));
  assert.deepEqual(stage.asked.toSorted(), [0, 1, 2]);
  stage.moods[stage.asked[0]!] = "well";
  await stage.control.topology();
});

Deno.test("ControlFailover leaves a node that does not answer in time", async () => {
  const stage = new Stage();
  const first = URLS.indexOf(stage.control.preferredUrl);
  stage.moods[first] = "hung";
  const asking = stage.control.topology();
  await stage.clock.advance(CONTROL_CALL_MS_MAX);
  assert.equal((await asking).version, (first + 1) % 3 + 1);
  assert.equal(stage.clock.sleeping, 0);
});

Deno.test("ControlFailover sends a registration with the same attempt to all, and each with its own", async () => {
  const attempts: unknown[] = [];
  const control = new ControlFailover({
    urls: URLS,
    fetcher: async (request) => {
      attempts.push((await request.json()).attempt);
      return Promise.reject(new TypeError("connection refused"));
    },
    clock: new ManualClock(),
    random: new SeededRandom(1),
  });
  const node = {
    id: "m-1" as NodeId,
    role: "metadata",
    address: "http://m-1.test",
    zone: "z",
    weight: 1,
    ready: true,
  } as const;
  for (let round = 0; round < 2; round++) {
    await assert.rejects(() => control.register(node), (error) => hasCode(error, "unavailable"));
  }
  const [first, , , second] = attempts;
  assert.match(`${first}`, /^[0-9a-f]{32}$/);
  assert.notEqual(first, second);
  assert.deepEqual(attempts, [first, first, first, second, second, second]);
});

Deno.test("ControlFailover passes on what a node decided", async () => {
  const stage = new Stage();
  stage.moods.fill("refuses");
  await assert.rejects(
    () => stage.control.heartbeat("a" as NodeId, { incarnation: 1, ready: true }),
    (error) => hasCode(error, "conflict"),
  );
  assert.equal(stage.asked.length, 1);
});
