import assert from "node:assert/strict";
import { type LogData, silentLogger, systemClock, systemRandom } from "@gitstratum/core";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import { type FrontendGround, startFrontendServer } from "../frontend_server.ts";
import { openClusterPractice, type OpenPractice } from "./practice_ground.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

/** Fails whoever touches what a rehearsal is to leave alone. */
function untouched<T extends object>(what: string): T {
  return new Proxy({}, {
    get: () => () => assert.fail(`${what} is asked`),
  }) as T;
}

/** A practice that fails after so many pushes, so that it ends however slow the machine is. */
function failingAfter(pushCount: number): OpenPractice {
  return async (options) => {
    const { metadata, extents } = await openClusterPractice(options);
    const left = { pushCount };
    const failing = new Proxy(metadata, {
      get(target, name: keyof typeof metadata) {
        if (name === "findListed" && left.pushCount-- === 0) {
          return () => Promise.reject(new Error("enough"));
        }
        return (target[name] as () => unknown).bind(target);
      },
    });
    return { metadata: failing, extents };
  };
}

Deno.test("openClusterPractice() has a frontend rehearse pushes on nothing of its own", async () => {
  const directory = await Deno.makeTempDir();
  const rounds: number[] = [];
  const troubles: string[] = [];
  const note = (message: string, data?: LogData) => {
    if (message === "Rehearse") rounds.push(Number(data?.["roundCount"]));
  };
  const trouble = (message: string, data?: LogData) => {
    troubles.push(`${message}: ${data?.["error"]}`);
  };
  const logger = { ...silentLogger, info: note, warn: trouble, error: trouble };
  const ground: FrontendGround = {
    directory,
    metadata: untouched("metadata"),
    extents: untouched("extents"),
    accounts: untouched("accounts"),
    events: untouched("events"),
    openPractice: failingAfter(3),
  };
  try {
    const server = await startFrontendServer(ground, {
      http: LOOPBACK,
      ssh: LOOPBACK,
      readOnly: false,
      autoCreate: false,
      warmStartMs: 60_000,
      metrics: new PrometheusMetrics(),
      clock: systemClock,
      random: systemRandom,
      logger: { ...logger, child: () => logger },
    });
    await server.close();
    assert.deepEqual(rounds, [3]);
    assert.equal(troubles.length, 1);
    assert.match(troubles[0]!, /^Fail a rehearsal: .*Fail a request of a rehearsal/);
    const left = [...Deno.readDirSync(`${directory}/warm-start`)].map(({ name }) => name);
    assert.deepEqual(left.filter((name) => name !== "recent.json"), []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
