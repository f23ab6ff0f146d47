import assert from "node:assert/strict";
import { hasCode, systemClock, systemRandom } from "@gitstratum/core";
import type { HttpServerOptions } from "@gitstratum/core/process";
import { PracticeStage } from "./practice_stage.ts";

const NEVER = new AbortController().signal;

async function withStage(
  handle: HttpServerOptions["handle"],
  act: (stage: PracticeStage) => Promise<void>,
): Promise<void> {
  const stage = new PracticeStage({ clock: systemClock, random: systemRandom, handle });
  try {
    await act(stage);
  } finally {
    await stage.close();
  }
}

Deno.test("PracticeStage.send() has a request answered and takes all of the answer", async () => {
  const seen: string[] = [];
  await withStage(async (request) => {
    const { pathname, search } = new URL(request.url);
    const type = request.headers.get("content-type");
    seen.push(`${request.method} ${pathname}${search} ${type} ${await request.text()}`);
    const piece = new Uint8Array(100_000);
    let pieces = 0;
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (pieces++ < 30) controller.enqueue(piece);
          else controller.close();
        },
      }),
    );
  }, async (stage) => {
    const headers = { "content-type": "text/odd" };
    const body = new TextEncoder().encode("what");
    const bytes = await stage.send({ method: "POST", path: "/a?b=c", headers, body }, NEVER);
    assert(bytes > 3_000_000, `${bytes}`);
    await stage.send({ method: "GET", path: "/d", headers: {} }, NEVER);
  });
  assert.deepEqual(seen, ["POST /a?b=c text/odd what", "GET /d null "]);
});

Deno.test("PracticeStage.send() fails where the answer does", async () => {
  await withStage(() => new Response("no", { status: 404 }), async (stage) => {
    await assert.rejects(
      stage.send({ method: "GET", path: "/", headers: {} }, NEVER),
      (error: Error) => hasCode(error, "unavailable"),
    );
  });
});

Deno.test("PracticeStage.send() ends with its signal, whatever the answer does", async () => {
  const asked = Promise.withResolvers<void>();
  await withStage((_, { signal }) => {
    asked.resolve();
    return new Promise((resolve) =>
      signal!.addEventListener("abort", () => resolve(new Response("late")))
    );
  }, async (stage) => {
    const abort = new AbortController();
    const sending = stage.send({ method: "GET", path: "/", headers: {} }, abort.signal);
    await asked.promise;
    abort.abort(new Error("no time left"));
    await assert.rejects(sending, /no time left/);
  });
});

Deno.test("PracticeStage() answers nobody who does not know its secret", async () => {
  let port = 0;
  let count = 0;
  await withStage((request) => {
    port = Number(new URL(request.url).port);
    count++;
    return new Response("ok");
  }, async (stage) => {
    await stage.send({ method: "GET", path: "/", headers: {} }, NEVER);
    for (const secret of ["", "x-practice-secret", "0".repeat(32)]) {
      const response = await fetch(`http://127.0.0.1:${port}/`, {
        headers: secret === "" ? {} : { "x-practice-secret": secret },
      });
      assert.equal(response.status, 403);
      await response.text();
    }
  });
  assert.equal(count, 1);
});
