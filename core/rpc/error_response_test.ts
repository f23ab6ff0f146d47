import { deepEqual, equal } from "node:assert/strict";
import { ERROR_CODES, GitStratumError } from "../error.ts";
import { errorResponse, readErrorResponse } from "./error_response.ts";

Deno.test("errorResponse() and readErrorResponse() carry every code, message and data", async () => {
  for (const code of ERROR_CODES) {
    const error = new GitStratumError(code, "Do something", {
      data: { text: "ä", count: 3, yes: true, nothing: null, absent: undefined },
    });
    const found = await readErrorResponse(errorResponse(error));
    equal(found.code, code);
    equal(found.message, "Do something");
    deepEqual(found.data, { text: "ä", count: 3, yes: true, nothing: null });
  }
});

Deno.test("errorResponse() tells a bug to the log and nothing of it to the caller", async () => {
  const seen: unknown[] = [];
  const bug = new TypeError("secret /path/of/file");
  const response = errorResponse(bug, { onUnexpected: (error) => seen.push(error) });
  equal(response.status, 500);
  const text = await response.text();
  equal(text.includes("secret"), false);
  equal(JSON.parse(text).code, "unavailable");
  deepEqual(seen, [bug]);
});

Deno.test("readErrorResponse() makes an error of any answer", async () => {
  const bodies = ["", "<html>", "[]", "null", `{"code":"what"}`, `{"code":"invalid"}`];
  for (const body of bodies) {
    equal((await readErrorResponse(new Response(body, { status: 502 }))).code, "unavailable");
    equal((await readErrorResponse(new Response(body, { status: 404 }))).code, "unsupported");
  }
  const long = new Response("x".repeat(1_000_000), { status: 500 });
  equal((await readErrorResponse(long)).code, "unavailable");
});
