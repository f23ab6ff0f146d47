import assert from "node:assert/strict";
import { API } from "./api.ts";
import { ApiHarness } from "./testing/api_harness.ts";

type Json = Readonly<Record<string, Json[] & Record<string, unknown>>>;

Deno.test("openApiDocument() describes every operation, and every one that it describes answers", async () => {
  const api = new ApiHarness();
  const document = await api.document() as Json;
  assert.equal(document.openapi, "3.1.0");
  const described = Object.entries(document.paths!).flatMap(([path, methods]) =>
    Object.entries(methods as Json).map(([method, { operationId }]) => ({
      operationId: String(operationId),
      place: `${method.toUpperCase()} ${path}`,
    }))
  );
  const places = Object.entries(API).map(([operationId, { method, path }]) => ({
    operationId,
    place: `${method} ${path}`,
  }));
  assert.deepEqual(described, places);
  for (const { place } of described) {
    const body = place.startsWith("GET") ? undefined : {};
    const { status } = await api.ask(place.replaceAll(/\{\w+\}/g, "x"), body);
    assert.ok(status < 405 || status === 409, `${place} answers ${status}`);
  }
});

Deno.test("openApiDocument() refers to nothing that it lacks, and names no schema twice", async () => {
  const document = await new ApiHarness().document() as Json;
  const known = Object.keys(document.components!.schemas as object);
  const used = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)]
    .map(([, name]) => name!);
  assert.deepEqual(used.filter((name) => !known.includes(name)), []);
  assert.deepEqual(known.filter((name) => !used.includes(name)), []);
});

Deno.test("openApiDocument() says what each operation asks for", async () => {
  const document = await new ApiHarness().document() as Json;
  for (const methods of Object.values(document.paths!)) {
    for (const operation of Object.values(methods as Json)) {
      assert.ok("x-asks" in operation, String(operation.operationId));
    }
  }
});
