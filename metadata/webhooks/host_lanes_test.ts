import { deepEqual, equal } from "node:assert/strict";
import { HostLanes } from "./host_lanes.ts";

Deno.test("HostLanes runs a few at a time for each host, in order, within what there is room for", async () => {
  const lanes = new HostLanes({ concurrencyMax: 2, queueCountMax: 3, countMax: 7 });
  const began: string[] = [];
  const ends = new Map<string, () => void>();
  const add = (host: string, name: string) =>
    lanes.add(host, () => {
      began.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    });
  const end = async (name: string) => {
    ends.get(name)!();
    // The next one begins when the ended one's promises have settled.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
  };
  equal(lanes.room("a"), 5);
  for (const name of ["a1", "a2", "a3", "a4", "a5"]) add("a", name);
  deepEqual([began, lanes.room("a"), lanes.room("b")], [["a1", "a2"], 0, 2]);
  add("b", "b1");
  add("b", "b2");
  deepEqual([began, lanes.count], [["a1", "a2", "b1", "b2"], 7]);
  deepEqual([lanes.room("b"), lanes.room("c")], [0, 0], "there is no room for more in all");
  await end("a2");
  deepEqual([began.at(-1), lanes.room("a"), lanes.count], ["a3", 1, 6]);
  await end("a1");
  await end("b1");
  deepEqual(began.slice(4), ["a3", "a4"]);
  for (const name of ["a3", "a4", "a5", "b2"]) await end(name);
  deepEqual([lanes.count, lanes.room("a"), began.length], [0, 5, 7]);
});
