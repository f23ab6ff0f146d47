/** What is HTTP's own: encodings and sizes of bodies, methods, headers, the dumb protocol. */

import assert from "node:assert/strict";
import { joinBytes } from "../harness/raw_pack.ts";
import { joined } from "../oracle/packets.ts";
import type { CaseContext, ServedRepository } from "./case_context.ts";
import { conformance } from "./conformance.ts";
import { commandBody, pushBody, requestLines, splitAnswer } from "./raw_conversation.ts";

type Service = "git-upload-pack" | "git-receive-pack";

interface Post {
  readonly service?: Service;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: BodyInit;
}

/** Posts a request of version 2, or a push. */
async function post(
  context: CaseContext,
  repository: ServedRepository,
  { service = "git-upload-pack", headers, body }: Post,
): Promise<Response> {
  return await fetch(`${context.httpUrl(repository.name)}/${service}`, {
    method: "POST",
    headers: {
      "content-type": `application/x-${service}-request`,
      ...(service === "git-upload-pack" ? { "git-protocol": "version=2" } : {}),
      ...headers,
    },
    body,
  });
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

function gzip(body: string | Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  return new Blob([body]).stream().pipeThrough(new CompressionStream("gzip"));
}

async function tipOf(context: CaseContext, work: string): Promise<string> {
  return await context.text(["-C", work, "rev-parse", "main"]);
}

conformance("HTTP bodies", {
  "a fetch may be compressed, chunked or both": async (context) => {
    const repository = await context.seeded();
    const want = `want ${await tipOf(context, repository.work)}`;
    const body = commandBody(context, "fetch", { args: [want, "done"] });
    const bytes = new TextEncoder().encode(body);
    const zipped = joined(await Array.fromAsync(gzip(body)));
    const forms: Post[] = [
      { body },
      { body: new Blob([bytes]).stream() },
      { body: zipped, headers: { "content-encoding": "gzip" } },
      { body: gzip(body), headers: { "content-encoding": "x-gzip" } },
    ];
    for (const form of forms) {
      const answer = splitAnswer(await bytesOf(await post(context, repository, form)));
      assert.equal(answer.lines[0], "packfile");
      assert.equal(new TextDecoder().decode(answer.bands[0].subarray(0, 4)), "PACK");
    }
  },
  "a push may be compressed": async (context) => {
    const repository = await context.seeded();
    const oid = await tipOf(context, repository.work);
    const commands = [`${context.zeroOid} ${oid} refs/heads/zipped`];
    const body = gzip(pushBody(context, { commands, capabilities: "report-status" }));
    const headers = { "content-encoding": "gzip" };
    const answer = await post(context, repository, { service: "git-receive-pack", headers, body });
    assert.match(await answer.text(), /ok refs\/heads\/zipped/);
    assert.equal(await context.remoteOid(repository, "refs/heads/zipped"), oid);
  },
  "git's own chunked push is taken": async (context) => {
    const repository = await context.seeded();
    const noise = crypto.getRandomValues(new Uint8Array(60_000));
    const tip = await context.commit(repository.work, "noise", noise);
    const flags = ["-c", "http.postBuffer=1024", "push", "-q", "origin", "main"];
    const { stderr } = await context.git(["-C", repository.work, ...flags], {
      env: { GIT_CURL_VERBOSE: "1" },
    });
    assert.match(stderr, /Transfer-Encoding: chunked/i);
    assert.equal(await context.remoteOid(repository, "refs/heads/main"), tip);
  },
  "what claims to be compressed and is not is refused": async (context) => {
    const repository = await context.seeded();
    const headers = { "content-encoding": "gzip" };
    const body = commandBody(context, "ls-refs");
    const answer = await post(context, repository, { headers, body });
    assert.ok(answer.status === 400 || / ?ERR /.test(await answer.clone().text()));
    await answer.body?.cancel();
  },
  "a compressed body that stops in the middle is refused": async (context) => {
    const repository = await context.seeded();
    const oid = await tipOf(context, repository.work);
    const commands = [`${context.zeroOid} ${oid} refs/heads/cut`];
    const whole = gzip(pushBody(context, { commands, capabilities: "report-status" }));
    const zipped = joined(await Array.fromAsync(whole));
    const answer = await post(context, repository, {
      service: "git-receive-pack",
      headers: { "content-encoding": "gzip" },
      body: zipped.slice(0, -12),
    });
    assert.doesNotMatch(await answer.text(), /ok refs\/heads\/cut/);
    assert.equal(await context.remoteOid(repository, "refs/heads/cut"), undefined);
  },
  "an unknown encoding is refused": async (context) => {
    const repository = await context.seeded();
    const headers = { "content-encoding": "br" };
    const answer = await post(context, repository, { headers, body: "x" });
    assert.equal(answer.status, 415);
    assert.match(await answer.text(), /gzip/);
  },
  "more than a megabyte of haves is weighed": async (context) => {
    const repository = await context.seeded();
    const [old, tip] = await context.lines(
      ["-C", repository.work, "rev-parse", "HEAD~1", "HEAD"],
    );
    const unknown = Array.from({ length: 30_000 }, (_, at) => {
      return `have ${at.toString(16).padStart(8, "0").repeat(8).slice(0, tip!.length)}`;
    });
    const args = [`want ${tip}`, ...unknown, `have ${old}`];
    const body = commandBody(context, "fetch", { args });
    assert.ok(body.length > 1_000_000);
    for (const headers of [{}, { "content-encoding": "gzip" }]) {
      const form = "content-encoding" in headers ? { headers, body: gzip(body) } : { body };
      const { lines } = splitAnswer(await bytesOf(await post(context, repository, form)));
      assert.deepEqual(lines.slice(0, 3), ["acknowledgments", `ACK ${old}`, "ready"]);
    }
    const format = `object-format=${context.objectFormat}`;
    const want = `want ${tip} multi_ack_detailed side-band-64k ${format}`;
    const v0 = requestLines(want, "0000", ...unknown, `have ${old}`, "done");
    const headers = { "git-protocol": "version=0" };
    const answer = splitAnswer(
      await bytesOf(await post(context, repository, { headers, body: v0 })),
    );
    assert.deepEqual(answer.lines.filter((line) => !line.includes("common")), [
      ...answer.lines.filter((line) => line.endsWith(" ready")),
      `ACK ${old}`,
      "0000",
    ]);
  },
  "one malformed have among many refuses the request": async (context) => {
    const repository = await context.seeded();
    const tip = await tipOf(context, repository.work);
    const haves = Array.from({ length: 25_000 }, () => `have ${context.unknownOid}`);
    const args = [`want ${tip}`, ...haves, "have 1234", "done"];
    const body = commandBody(context, "fetch", { args });
    const { lines } = splitAnswer(await bytesOf(await post(context, repository, { body })));
    assert.match(lines.join(), /^ERR .*1234/);
  },
}, { transports: ["http"], ownOnly: true });

/**
 * Sends the head of a request, and its body once the answer matches `sendAfter`; everything received
 * until the answer matches `until`.
 */
async function exchange(
  context: CaseContext,
  head: readonly string[],
  options: { readonly body: string; readonly sendAfter: RegExp; readonly until: RegExp },
): Promise<string> {
  const url = new URL(context.origin);
  using connection = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
  const lines = [...head, `Host: ${url.host}`, "Connection: close", "", ""];
  await connection.write(joinBytes(lines.join("\r\n")));
  let text = "";
  let sent = false;
  const buffer = new Uint8Array(65_536);
  for (let count = await connection.read(buffer); count; count = await connection.read(buffer)) {
    text += new TextDecoder("latin1").decode(buffer.subarray(0, count));
    if (options.until.test(text)) break;
    if (sent || !options.sendAfter.test(text)) continue;
    sent = true;
    const bytes = joinBytes(options.body);
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  }
  return text;
}

function postHead(
  repository: ServedRepository,
  type: string,
  length: number,
): string[] {
  return [
    `POST /${repository.name}.git/git-upload-pack HTTP/1.1`,
    `Content-Type: ${type}`,
    "Git-Protocol: version=2",
    `Content-Length: ${length}`,
    "Expect: 100-continue",
  ];
}

conformance("HTTP requests", {
  "a client that expects 100-continue is told to go on": async (context) => {
    const repository = await context.history();
    const body = commandBody(context, "ls-refs", { args: ["ref-prefix HEAD"] });
    const head = postHead(repository, "application/x-git-upload-pack-request", body.length);
    const text = await exchange(context, head, {
      body,
      sendAfter: /^HTTP\/1\.1 100 /,
      until: / HEAD\n/,
    });
    assert.match(text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    assert.match(text, / HEAD\n/);
  },
  "a client that expects 100-continue is refused without its body": async (context) => {
    const head = postHead(await context.history(), "text/plain", 1_000_000);
    const text = await exchange(context, head, {
      body: "",
      sendAfter: /^HTTP\/1\.1 100 /,
      until: /upload-pack-request/,
    });
    // The runtime says 100 by itself before anybody looks at the request.
    assert.match(text, /^(HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 415 /);
  },
  "git's own expectation is met": async (context) => {
    const repository = await context.seeded();
    const tip = await context.commit(repository.work, "next.txt");
    const flags = ["-c", "http.extraHeader=Expect: 100-continue", "push", "-q", "origin", "main"];
    await context.git(["-C", repository.work, ...flags]);
    assert.equal(await context.remoteOid(repository, "refs/heads/main"), tip);
  },
  "HEAD is answered like GET, without a body": async (context) => {
    const url = context.httpUrl((await context.history()).name);
    for (const service of ["git-upload-pack", "git-receive-pack"]) {
      const path = `${url}/info/refs?service=${service}`;
      const [head, get] = [await fetch(path, { method: "HEAD" }), await fetch(path)];
      assert.equal(head.status, 200);
      assert.equal(await head.text(), "");
      assert.equal(head.headers.get("content-type"), get.headers.get("content-type"));
      assert.ok((await get.text()).length > 0);
    }
  },
  "wrong methods are told which are right": async (context) => {
    const url = context.httpUrl((await context.history()).name);
    for (const service of ["git-upload-pack", "git-receive-pack"]) {
      for (const method of ["GET", "HEAD", "PUT", "DELETE", "PATCH"]) {
        const answer = await fetch(`${url}/${service}`, { method });
        assert.equal(answer.status, 405, `${method} ${service}`);
        assert.equal(answer.headers.get("allow"), "POST");
        await answer.body?.cancel();
      }
      for (const method of ["POST", "PUT", "DELETE"]) {
        const answer = await fetch(`${url}/info/refs?service=${service}`, { method });
        assert.equal(answer.status, 405, `${method} info/refs`);
        assert.equal(answer.headers.get("allow"), "GET, HEAD");
        await answer.body?.cancel();
      }
    }
  },
  "a body of another type is refused": async (context) => {
    const repository = await context.history();
    for (const service of ["git-upload-pack", "git-receive-pack"] as const) {
      for (const type of ["text/plain", "application/x-git-other-request"]) {
        const headers = { "content-type": type };
        const answer = await post(context, repository, { service, headers, body: "0000" });
        assert.equal(answer.status, 415);
        assert.match(await answer.text(), new RegExp(`application/x-${service}-request`));
      }
    }
  },
  "answers are never cached, errors neither": async (context) => {
    const repository = await context.history();
    const url = context.httpUrl(repository.name);
    const answers = [
      await fetch(`${url}/info/refs?service=git-upload-pack`),
      await fetch(`${url}/info/refs?service=git-receive-pack`),
      await post(context, repository, { body: commandBody(context, "ls-refs") }),
      await post(context, repository, { service: "git-receive-pack", body: "0000" }),
    ];
    for (const answer of answers) {
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("cache-control"), "no-cache, max-age=0, must-revalidate");
      assert.equal(answer.headers.get("expires"), "Fri, 01 Jan 1980 00:00:00 GMT");
      assert.equal(answer.headers.get("pragma"), "no-cache");
      await answer.body?.cancel();
    }
    const none = context.httpUrl(context.freeName());
    for (const path of [`${none}/info/refs?service=git-upload-pack`, `${url}/info/refs`]) {
      const answer = await fetch(path);
      assert.ok(answer.status >= 400);
      assert.match(answer.headers.get("cache-control") ?? "", /no-store|no-cache/);
      await answer.body?.cancel();
    }
  },
  "content types are git's own": async (context) => {
    const repository = await context.history();
    const url = context.httpUrl(repository.name);
    const types = [];
    for (const service of ["git-upload-pack", "git-receive-pack"] as const) {
      const shown = await fetch(`${url}/info/refs?service=${service}`);
      const done = await post(context, repository, { service, body: "0000" });
      types.push(shown.headers.get("content-type"), done.headers.get("content-type"));
      await shown.body?.cancel();
      await done.body?.cancel();
    }
    assert.deepEqual(types, [
      "application/x-git-upload-pack-advertisement",
      "application/x-git-upload-pack-result",
      "application/x-git-receive-pack-advertisement",
      "application/x-git-receive-pack-result",
    ]);
  },
  "a client of the dumb protocol is told what is spoken": async (context) => {
    const { url, name } = await context.history();
    const said = await context.refused(["ls-remote", url], /403/, {
      env: { GIT_SMART_HTTP: "0" },
    });
    assert.doesNotMatch(said, /refs\/heads/);
    const base = context.httpUrl(name);
    for (
      const path of ["info/refs", "HEAD", "objects/info/packs", "objects/12/34", "info/refs?x=1"]
    ) {
      const answer = await fetch(`${base}/${path}`);
      assert.equal(answer.status, 403, path);
      assert.match(await answer.text(), /smart HTTP protocol/);
    }
  },
  "an unknown service is refused by name": async (context) => {
    const base = context.httpUrl((await context.history()).name);
    const answer = await fetch(`${base}/info/refs?service=git-upload-archive`);
    assert.equal(answer.status, 403);
    assert.match(await answer.text(), /git-upload-archive/);
  },
  "a language is harmless": async (context) => {
    const { url } = await context.history();
    const env = { LANGUAGE: "de_DE:fr", GIT_CURL_VERBOSE: "1" };
    const { stdout, stderr } = await context.git(["ls-remote", url], { env });
    assert.match(stderr, /Accept-Language: de-DE/i);
    assert.match(stdout, /refs\/heads\/main/);
  },
  "a version that is not known falls back to one that is": async (context) => {
    const url = context.httpUrl((await context.history()).name);
    const path = `${url}/info/refs?service=git-upload-pack`;
    const first = async (version: string) => {
      const text = await (await fetch(path, { headers: { "git-protocol": version } })).text();
      return text.split("\n").find((line) => /version|^[0-9a-f]{8}/.test(line)) ?? "";
    };
    assert.match(await first("version=3:version=2:key"), /version 2/);
    assert.match(await first("version=1"), /version 1/);
    for (const odd of ["version=3", "nonsense", ":::"]) {
      assert.doesNotMatch(await first(odd), /version/);
    }
  },
}, { transports: ["http"], ownOnly: true });
