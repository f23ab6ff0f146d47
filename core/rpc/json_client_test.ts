import { deepEqual, equal, rejects } from "node:assert/strict";
import { z } from "zod";
import { GitStratumError, hasCode } from "../error.ts";
import { errorResponse } from "./error_response.ts";
import { JsonClient, readJson } from "./json_client.ts";

const schema = z.strictObject({ sum: z.number() });

Deno.test("JsonClient.call() sends JSON and returns the validated answer", async () => {
  const client = new JsonClient(async (request) => {
    const { a, b } = await readJson(request, z.strictObject({ a: z.number(), b: z.number() }));
    equal(new URL(request.url).pathname, "/add");
    return Response.json({ sum: a + b });
  });
  deepEqual(await client.call("/add", { body: { a: 1, b: 2 }, schema }), { sum: 3 });
});

Deno.test("JsonClient.call() throws the service's error", async () => {
  const client = new JsonClient(() =>
    Promise.resolve(errorResponse(new GitStratumError("conflict", "Lose a race")))
  );
  await rejects(() => client.call("/", { schema }), { code: "conflict", message: "Lose a race" });
});

Deno.test("JsonClient.call() is unavailable when the answer has another shape", async () => {
  for (const body of ["{}", "no json", `{"sum":"1"}`, "", "\xff"]) {
    const client = new JsonClient(() => Promise.resolve(new Response(body)));
    await rejects(() => client.call("/", { schema }), (error) => hasCode(error, "unavailable"));
  }
});

Deno.test("JsonClient.call() refuses an answer above its limit", async () => {
  const client = new JsonClient(() =>
    Promise.resolve(Response.json({ sum: 1, pad: "x".repeat(100) }))
  );
  await rejects(
    () => client.call("/", { schema, bytesMax: 50 }),
    (error) => hasCode(error, "unavailable"),
  );
});

Deno.test("JsonClient.call() is unavailable when nobody answers, aborted when aborted", async () => {
  const client = new JsonClient(() => Promise.reject(new TypeError("connection refused")));
  await rejects(() => client.call("/", { schema }), (error) => hasCode(error, "unavailable"));
  const signal = AbortSignal.abort();
  await rejects(() => client.call("/", { schema, signal }), (error) => hasCode(error, "aborted"));
});

Deno.test("readJson() refuses what does not fit", async () => {
  const post = (body: BodyInit) => new Request("http://host/", { method: "POST", body });
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1000).fill(32)),
  });
  await rejects(() => readJson(post("{"), schema), (error) => hasCode(error, "invalid"));
  await rejects(() => readJson(post(`{"sum":null}`), schema), (e) => hasCode(e, "invalid"));
  await rejects(() => readJson(post(stream), schema), (error) => hasCode(error, "exhausted"));
});

Deno.test("readJson() tells a broken body from a short one", async () => {
  const broken = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(`{"sum":1`));
      controller.error(new Error("connection reset"));
    },
  });
  const request = new Request("http://host/", { method: "POST", body: broken });
  await rejects(() => readJson(request, schema), (error) => hasCode(error, "aborted"));
});
