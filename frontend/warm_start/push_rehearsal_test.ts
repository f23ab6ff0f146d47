import assert from "node:assert/strict";
import { silentLogger, systemClock, systemRandom } from "@gitstratum/core";
import { PRACTICE_NAME, PracticeHistory } from "@gitstratum/core/practice";
import { startAllInOne } from "../all_in_one.ts";
import { openPushRehearsal } from "./push_rehearsal.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };
const NEVER = new AbortController().signal;

Deno.test("openPushRehearsal() pushes as a client does, commit on commit", async () => {
  const dataDirectory = await Deno.makeTempDir();
  const server = await startAllInOne({
    dataDirectory,
    http: LOOPBACK,
    ssh: LOOPBACK,
    readOnly: false,
    autoCreate: false,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  try {
    const { metadata } = server;
    const answers: string[] = [];
    const round = await openPushRehearsal({
      metadata,
      async send({ method, path, headers, body }, signal) {
        const init = { method, headers, signal, ...(body && { body }) };
        const answer = await fetch(`${server.url}${path}`, init);
        assert.equal(answer.status, 200);
        answers.push(await answer.text());
      },
    });
    for (let count = 0; count < 3; count++) await round(NEVER);
    assert.equal(answers.length, 6);
    assert.match(answers.at(-1)!, /unpack ok\n.*ok refs\/heads\/main/s);
    const history = new PracticeHistory();
    const [, , third] = [history.next(), history.next(), history.next()];
    const repository = await metadata.findRepository(PRACTICE_NAME);
    const { head } = await metadata.listReferences(repository!, { prefixes: ["refs/heads/"] });
    assert.equal(head.oid, third!.oid);
  } finally {
    await server.close();
    await Deno.remove(dataDirectory, { recursive: true });
  }
});
