import assert from "node:assert/strict";
import { GitStratumError } from "./error.ts";
import { LineLogger, type LineLoggerOptions } from "./logger.ts";
import { ManualClock } from "./manual_clock.ts";

function recorder(options: Partial<LineLoggerOptions> = {}) {
  const lines: string[] = [];
  const clock = new ManualClock(Date.UTC(2024, 0, 2, 3, 4, 5, 678));
  const logger = new LineLogger({ clock, write: (line) => lines.push(line), ...options });
  return { logger, lines };
}

Deno.test("LineLogger.info() writes one JSON object with time, level, message and data", () => {
  const { logger, lines } = recorder();
  logger.child({ partition: 7 }).info("Open a partition", { lsn: 12, absent: undefined });
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [{
    time: "2024-01-02T03:04:05.678Z",
    level: "info",
    message: "Open a partition",
    partition: 7,
    lsn: 12,
  }]);
});

Deno.test("LineLogger drops lines below its level", () => {
  const { logger, lines } = recorder({ level: "warn" });
  logger.debug("A");
  logger.info("B");
  logger.warn("C");
  logger.error("D");
  assert.deepEqual(lines.map((line) => JSON.parse(line).message), ["C", "D"]);
});

Deno.test("LineLogger writes no control or direction character that data held", () => {
  const hostile = 'x"\n{"level":"error"}\r\u001b[2J\u009b\u2028\u202e\u0000';
  for (const format of ["json", "text"] as const) {
    const { logger, lines } = recorder({ format });
    logger.info("Take a name", { name: hostile });
    // deno-lint-ignore no-control-regex -- the control characters are the point
    assert.doesNotMatch(lines[0]!, /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
    if (format === "json") assert.equal(JSON.parse(lines[0]!).name, hostile);
  }
});

Deno.test("LineLogger lets data replace none of the line's own fields", () => {
  const { logger, lines } = recorder();
  logger.info("Say what happened", { level: "error", message: "Forged" });
  const line = JSON.parse(lines[0]!);
  assert.equal(line.level, "info");
  assert.equal(line.message, "Say what happened");
  assert.equal(line["data.message"], "Forged");
});

Deno.test("LineLogger hides fields that hold secrets and cuts long ones", () => {
  const { logger, lines } = recorder();
  logger.info("Take a request", {
    authorization: "Basic abc",
    apiToken: "t",
    path: "p".repeat(1e5),
  });
  assert.doesNotMatch(lines[0]!, /abc|"t"/);
  assert.ok(lines[0]!.length < 3000);
});

Deno.test("LineLogger writes an error's code, data and causes; the stack of bugs only", () => {
  const { logger, lines } = recorder();
  const cause = new TypeError("undefined is not a function");
  const error = new GitStratumError("corrupt", "Read a damaged extent", {
    data: { extent: "e.0", token: "hidden" },
    cause,
  });
  logger.error("Fail a request", { error });
  const { error: shown } = JSON.parse(lines[0]!);
  assert.equal(shown.code, "corrupt");
  assert.equal(shown.extent, "e.0");
  assert.equal(shown.token, "[secret]");
  assert.equal(shown.stack, undefined);
  assert.equal(shown.cause.name, "TypeError");
  assert.match(shown.cause.stack, /logger_test/);
});

Deno.test("LineLogger writes a short line for terminals", () => {
  const { logger, lines } = recorder({ format: "text" });
  logger.warn("Wait for a node", { node: "a b" });
  assert.deepEqual(lines, ['03:04:05.678 WARN  Wait for a node node="a b"']);
});
