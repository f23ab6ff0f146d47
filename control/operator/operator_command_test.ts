import assert from "node:assert/strict";
import { type Control, emptyTopology, parseNodeId } from "@gitstratum/core/rpc";
import { nodesText, operate, operatorHelpText, readOperatorRequest } from "./operator_command.ts";

const NO_COMMAND = "The command must be nodes, drain ID, undrain ID, forget ID, " +
  "repairs, pause ID|all, resume ID|all or compare ID|all";
const FLAGS = ["--control", "http://c:1", "--secret-file", "secret"];

function read(...args: string[]) {
  return readOperatorRequest({ args, environment: {}, readTextFile: () => "s".repeat(40) });
}

function problemsOf(...args: string[]) {
  const request = read(...args);
  return request.kind === "invalid" ? request.problems : [];
}

Deno.test("readOperatorRequest() reads commands and settings", () => {
  const request = read("drain", "object-1", ...FLAGS);
  assert.ok(request.kind === "values");
  assert.deepEqual(request.command, { kind: "drain", node: "object-1" });
  assert.deepEqual(request.config.control, ["http://c:1"]);
  assert.equal(read("--help").kind, "help");
});

Deno.test("readOperatorRequest() tells all that is wrong", () => {
  assert.deepEqual(problemsOf(), [
    "--control is needed, or GITSTRATUM_CONTROL",
    "--secret-file is needed, or GITSTRATUM_SECRET_FILE",
    NO_COMMAND,
  ]);
  assert.deepEqual(problemsOf("drain", "NO", ...FLAGS), ['"NO" is no name of a node']);
  const problem = [NO_COMMAND];
  for (const words of [["drain"], ["nodes", "a"], ["explode", "a"], ["forget", "a", "b"]]) {
    assert.deepEqual(problemsOf(...words, ...FLAGS), problem);
  }
});

Deno.test("operate() asks the control plane for what the command says", async () => {
  const asked: unknown[] = [];
  const control = {
    setDraining: (id: string, draining: boolean) =>
      Promise.resolve(void asked.push([id, draining])),
    forget: (id: string) => Promise.resolve(void asked.push([id])),
  } as unknown as Control;
  const node = parseNodeId("object-1");
  assert.equal(await operate(control, { kind: "drain", node }), "object-1 is being emptied");
  assert.equal(await operate(control, { kind: "undrain", node }), "object-1 takes duties again");
  assert.equal(await operate(control, { kind: "forget", node }), "object-1 is forgotten");
  assert.deepEqual(asked, [["object-1", true], ["object-1", false], ["object-1"]]);
});

Deno.test("nodesText() shows nodes and what they have", () => {
  const topology = emptyTopology();
  const [metadata, object] = [parseNodeId("metadata-1"), parseNodeId("object-1")];
  const common = { zone: "z", weight: 1, incarnation: 1 };
  const text = nodesText({
    ...topology,
    version: 7,
    nodes: [
      { id: metadata, role: "metadata", state: "active", address: "http://m:1", ...common },
      { id: object, role: "object", state: "down", address: "http://o:1", level: 2, ...common },
    ],
    partitions: topology.partitions.map((_, n) => ({
      primary: n < 250 ? metadata : null,
      followers: [],
    })),
    rings: { version: 3, current: [], previous: [] },
  });
  assert.equal(
    text,
    [
      "node        role      state   zone  weight  has             address",
      "metadata-1  metadata  active  z     1       250 partitions  http://m:1",
      "object-1    object    down    z     1                       http://o:1",
      "",
      "topology 7, ring 3, handing over from the ring before, 6 partitions without a primary",
      "release level 1, the next one waits for metadata-1",
    ].join("\n"),
  );
});

Deno.test("operatorHelpText() lists the commands", () => {
  assert.match(operatorHelpText(), /drain ID/);
});
