import assert from "node:assert/strict";
import { ANONYMOUS_ASKER } from "../access/asker.ts";
import type { Authenticator } from "../access/authenticator.ts";
import { ApiHarness } from "./testing/api_harness.ts";

/** Somebody who has no role anywhere: whatever is not public is hidden from them. */
const STRANGER: Authenticator = {
  ofRequest: () => Promise.resolve(ANONYMOUS_ASKER),
  ofKey: () => Promise.resolve(ANONYMOUS_ASKER),
};

async function filled(names: readonly string[]) {
  const api = new ApiHarness();
  for (const name of names) await api.ask("POST /repos", { name });
  return api;
}

/** The names of all pages, and how many pages there were. */
async function allPages(api: ApiHarness, query: string) {
  const names: string[] = [];
  let pageCount = 0;
  for (let next: string | undefined = ""; next !== undefined; pageCount++) {
    const { body, headers, status } = await api.ask(
      `GET /repos?${query}${next === "" ? "" : `&after=${next}`}`,
    );
    assert.equal(status, 200);
    names.push(...body.repositories.map((one: { name: string }) => one.name));
    next = body.next as string | undefined;
    const link = headers.get("link");
    assert.equal(link?.includes(`after=${next}`), next === undefined ? undefined : true);
  }
  return { names, pageCount };
}

Deno.test("repositoryPage() gives all names once, in order, whatever the page's size", async () => {
  const names = ["a/a", "a/b", "a/c", "b/a", "b/b"];
  const api = await filled(names.toReversed());
  for (const limit of [1, 2, 3, 5, 1000]) {
    assert.deepEqual((await allPages(api, `limit=${limit}`)).names, names);
  }
});

Deno.test("repositoryPage() lists an owner's repositories and no others", async () => {
  const longest = "o".repeat(100);
  const owners = ["acme", "acme-", "acme-x", "acme.x", "acme0", "acm", "acmea", "b", longest];
  const close = [
    `${"o".repeat(99)}n`,
    `${"o".repeat(99)}-`,
    "o".repeat(99),
    `${longest.slice(1)}p`,
  ];
  const api = await filled([...owners, ...close].flatMap((o) => [`${o}/z`, `${o}/a`]));
  for (const owner of [...owners, ...close]) {
    for (const limit of [1, 2, 100]) {
      const { names } = await allPages(api, `owner=${owner}&limit=${limit}`);
      assert.deepEqual(names, [`${owner}/a`, `${owner}/z`], `${owner} ${limit}`);
    }
  }
  assert.deepEqual((await allPages(api, "owner=nobody")).names, []);
});

Deno.test("repositoryPage() shows nothing of what its reader may not see, places included", async () => {
  const hidden = Array.from({ length: 30 }, (_, n) => `b/secret${n}`);
  const api = new ApiHarness({ authenticator: STRANGER });
  for (const name of ["a/a", ...hidden, "c/c"]) {
    const visibility = name.includes("secret") ? "private" : "public";
    await api.repositories.add(name, { visibility });
  }
  const { names } = await allPages(api, "limit=1");
  assert.deepEqual(names, ["a/a", "c/c"]);
  assert.deepEqual((await allPages(api, "owner=b")).names, []);
});

Deno.test("repositoryPage() takes only places of the same listing", async () => {
  const api = await filled(["a/a", "a/b", "b/a"]);
  const { body: { next } } = await api.ask("GET /repos?limit=1");
  const other = await api.ask(`GET /repos?owner=a&after=${next}`);
  assert.equal(other.status, 400);
  assert.equal((await api.ask("GET /repos?after=a/a")).status, 400);
});
