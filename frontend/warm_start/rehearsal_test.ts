import assert from "node:assert/strict";
import { ManualClock, REHEARSED_TIP_COUNT_MAX } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import {
  parseRepositoryName,
  type Reference,
  type RepositoryInfo,
  type RepositoryName,
} from "@gitstratum/core/rpc";
import { Rehearsal, type RehearsalOptions } from "./rehearsal.ts";

const FIRST = parseRepositoryName("me/first");
const SECOND = parseRepositoryName("me/second");
const oid = (number: number) => number.toString(16).padStart(40, "0") as Oid;

/** Repositories of some references whose packs are one byte. */
class Stage {
  readonly clock = new ManualClock();
  readonly requests: { readonly name: string; readonly body: string }[] = [];
  readonly troubles: string[] = [];
  referenceCount = 2;
  /** What each pack does before its byte. */
  act: (name: RepositoryName, signal: AbortSignal) => Promise<void> = () => Promise.resolve();
  readonly rehearsal: Rehearsal;

  constructor(names: readonly RepositoryName[]) {
    const { requests, troubles } = this;
    // deno-lint-ignore no-this-alias -- generators have a `this` of their own
    const stage = this;
    const options: RehearsalOptions = {
      clock: this.clock,
      metadata: {
        findRepository: (name) =>
          Promise.resolve(
            names.includes(name) ? { name, objectFormat: "sha1" } as RepositoryInfo : undefined,
          ),
        listReferences: () =>
          Promise.resolve({
            head: { target: "refs/heads/main", oid: oid(1) },
            references: (async function* (): AsyncGenerator<Reference[]> {
              yield await Promise.resolve(
                Array.from(
                  { length: stage.referenceCount },
                  (_, at) => ({ name: `refs/heads/b${at}`, oid: oid(at + 1) }),
                ),
              );
            })(),
          }),
      },
      async send({ method, path, body }, signal) {
        const name = parseRepositoryName(/^\/(.*)\.git\//.exec(path)![1]!);
        requests.push({ name, body: `${method} ${path}\n${new TextDecoder().decode(body)}` });
        await stage.act(name, signal);
        return 1;
      },
      onTrouble: (error, facts) => troubles.push(`${facts.name}: ${(error as Error).message}`),
    };
    this.rehearsal = new Rehearsal(options);
  }

  fetches() {
    return this.requests.filter(({ body }) => body.includes("command=fetch"));
  }

  lines(): string[] {
    return this.fetches().map(({ name, body }) => {
      const wants = body.match(/want /g)?.length;
      return `${name} ${/deepen 1|filter blob:none/.exec(body)?.[0] ?? "all"} ${wants}`;
    });
  }
}

Deno.test("Rehearsal.run() asks for what clients ask for, of each repository that is there", async () => {
  const stage = new Stage([FIRST, SECOND]);
  const gone = parseRepositoryName("me/gone");
  const count = await stage.rehearsal.run([gone, FIRST, SECOND], { budgetMs: 1000 });
  assert.equal(count, 36);
  assert.deepEqual(stage.lines().slice(0, 4), [
    "me/first deepen 1 1",
    "me/first filter blob:none 2",
    "me/first all 2",
    "me/first deepen 1 1",
  ]);
  assert.equal(stage.lines().filter((line) => line.startsWith("me/second")).length, 18);
  const [advertised, listed, fetched] = stage.requests;
  assert.equal(advertised!.body, "GET /me/first.git/info/refs?service=git-upload-pack\n");
  assert.match(listed!.body, /^POST \/me\/first.git\/git-upload-pack\n0014command=ls-refs\n/);
  assert.match(
    fetched!.body,
    /-pack\n0012command=fetch\n0017object-format=sha1\n0001.*deepen 1\n.*0009done\n0000$/s,
  );
  assert.equal(stage.clock.sleeping, 0, "no timer is left");
});

Deno.test("Rehearsal.run() has packs made and then found again", async () => {
  const stage = new Stage([FIRST]);
  await stage.rehearsal.run([FIRST], { budgetMs: 1000 });
  const shallow = stage.fetches().map(({ body }) => body).filter((body) => body.includes("deepen"));
  assert.equal(shallow.length, 6);
  assert.equal(new Set(shallow).size, 4);
  assert.equal(new Set(shallow.slice(0, 4)).size, 4, "those that are made come first");
});

Deno.test("Rehearsal.run() wants no part of many references", async () => {
  const stage = new Stage([FIRST]);
  stage.referenceCount = REHEARSED_TIP_COUNT_MAX + 1;
  await stage.rehearsal.run([FIRST], { budgetMs: 1000 });
  assert.deepEqual(stage.lines(), Array(6).fill("me/first deepen 1 1"));
});

Deno.test("Rehearsal.run() ends with its time, and stops what it began", async () => {
  const stage = new Stage([FIRST, SECOND]);
  const begun = Promise.withResolvers<AbortSignal>();
  const held = Promise.withResolvers<void>();
  stage.act = async (_, signal) => {
    begun.resolve(signal);
    await held.promise;
  };
  const running = stage.rehearsal.run([FIRST, SECOND], { budgetMs: 1000 });
  const signal = await begun.promise;
  assert.equal(signal.aborted, false);
  stage.clock.advance(1000);
  assert.equal(await running, 0);
  assert.equal(signal.aborted, true);
  held.resolve();
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(stage.requests.length, 1, "nothing is begun any more");
  assert.deepEqual(stage.troubles, []);
});

Deno.test("Rehearsal.run() goes on with the next repository when one fails", async () => {
  const stage = new Stage([FIRST, SECOND]);
  stage.act = (name) => name === FIRST ? Promise.reject(new Error("broken")) : Promise.resolve();
  assert.equal(await stage.rehearsal.run([FIRST, SECOND], { budgetMs: 1000 }), 18);
  assert.deepEqual(stage.troubles, ["me/first: broken"]);
});
