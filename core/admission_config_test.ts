import assert from "node:assert/strict";
import { ADMISSION_CONFIG_TABLE, admissionLimits } from "./admission_config.ts";
import { readConfig } from "./config.ts";

function limitsOf(args: readonly string[], options: { readonly isPublic: boolean }) {
  const result = readConfig(ADMISSION_CONFIG_TABLE, { args, environment: {} });
  assert.equal(result.kind, "values");
  return admissionLimits(result.values, options);
}

Deno.test("admissionLimits() limits nothing on loopback unless told", () => {
  const { rates, concurrency, memoryBytes } = limitsOf([], { isPublic: false });
  assert.deepEqual({ rates, concurrency }, { rates: {}, concurrency: {} });
  assert.equal(memoryBytes, 512 * 1024 * 1024);
});

Deno.test("admissionLimits() limits addresses and users where strangers come", () => {
  const { rates, concurrency } = limitsOf([], { isPublic: true });
  assert.deepEqual(Object.keys(rates), ["address", "user"]);
  assert.deepEqual(Object.keys(concurrency), ["address", "user"]);
});

Deno.test("admissionLimits() takes each setting for what it is", () => {
  const args = [
    ...["--rate-address", "off", "--rate-user", "1/s:2", "--rate-token", "60/min"],
    ...["--rate-repository", "3/s", "--running-address", "off", "--running-user", "4:5"],
    ...["--running-token", "6", "--running-repository", "7:0", "--memory", "1GiB"],
    ...["--quota-repository", "2GiB", "--quota-references", "100"],
    ...["--quota-push", "1MiB", "--quota-object", "1KiB"],
  ];
  assert.deepEqual(limitsOf(args, { isPublic: true }), {
    rates: {
      user: { perSecond: 1, burst: 2 },
      token: { perSecond: 1, burst: 10 },
      repository: { perSecond: 3, burst: 30 },
    },
    concurrency: {
      user: { running: 4, waiting: 5 },
      token: { running: 6, waiting: 24 },
      repository: { running: 7, waiting: 0 },
    },
    memoryBytes: 1024 ** 3,
    quota: {
      repositoryBytesMax: 2 * 1024 ** 3,
      referenceCountMax: 100,
      pushBytesMax: 1024 ** 2,
      objectBytesMax: 1024,
    },
  });
});

Deno.test("ADMISSION_CONFIG_TABLE says what is wrong with a limit", () => {
  const args = ["--rate-user", "often", "--running-user", "0", "--quota-push", "0"];
  const result = readConfig(ADMISSION_CONFIG_TABLE, { args, environment: {} });
  assert.deepEqual(result, {
    kind: "invalid",
    problems: [
      '--rate-user must be a rate such as 100/s, 600/min:50 or off, not "often"',
      '--running-user must be a number such as 64, 64:256 or off, not "0"',
      "--quota-push must be a size of at least one byte",
    ],
  });
});
