/**
 * The exit code of a conversation over SSH beside that of git's own service, for the same input.
 *
 * @module
 */

import assert from "node:assert/strict";
import { git, gitEnvironment } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { generateHistory } from "./harness/history.ts";
import { makeSshKey, spawnSsh } from "./harness/ssh_client.ts";
import { temporaryDirectory } from "./harness/temp.ts";

const NAME = "acme/widget";
const UNKNOWN = "12".repeat(20);

function packets(...lines: readonly string[]): string {
  return lines.map((text) =>
    /^000[012]$/.test(text) ? text : `${(text.length + 5).toString(16).padStart(4, "0")}${text}\n`
  ).join("");
}

/** One conversation: a service, the protocol's version, what the client says. */
interface Conversation {
  readonly service: "upload-pack" | "receive-pack" | "upload-archive";
  readonly version: 0 | 2;
  readonly input: string;
}

const CONVERSATIONS: Readonly<Record<string, Conversation>> = {
  "a client that wants nothing": { service: "upload-pack", version: 0, input: "0000" },
  "a want of an unknown object": {
    service: "upload-pack",
    version: 0,
    input: packets(`want ${UNKNOWN}`, "0000", "done"),
  },
  "a line that is none": {
    service: "upload-pack",
    version: 0,
    input: packets("gimme everything", "0000"),
  },
  "a listing, then an end": {
    service: "upload-pack",
    version: 2,
    input: packets("command=ls-refs", "0001", "0000", "0000"),
  },
  "a want of an unknown object in version 2": {
    service: "upload-pack",
    version: 2,
    input: packets("command=fetch", "0001", `want ${UNKNOWN}`, "done", "0000"),
  },
  "an unknown command": { service: "upload-pack", version: 2, input: packets("command=x", "0000") },
  "a push of nothing": { service: "receive-pack", version: 0, input: "0000" },
  "a push that is malformed": {
    service: "receive-pack",
    version: 0,
    input: packets("no command at all", "0000"),
  },
  "an archive of what is not there": {
    service: "upload-archive",
    version: 0,
    input: packets("argument --format=tar", "argument none", "0000"),
  },
  "an archive": {
    service: "upload-archive",
    version: 0,
    input: packets("argument --format=tar", "argument main", "0000"),
  },
};

async function exitCode(child: Deno.ChildProcess, input: string): Promise<number> {
  const writer = child.stdin.getWriter();
  // A service that has refused already reads no more; its exit code tells.
  const fed = writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(
    (error) => assert.ok(error instanceof Deno.errors.BrokenPipe, error),
  );
  const [{ code }] = await Promise.all([child.output(), fed]);
  return code;
}

Deno.test("a conversation over SSH exits with the code of git's own service", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start();
  const source = temp.join("source.git");
  await generateHistory(source, { seed: 5, commits: 5, files: 3, objectFormat: "sha1" });
  await server.createRepository(NAME);
  await git(["-C", source, "push", "-q", "--mirror", server.url(NAME)]);
  const key = await makeSshKey(temp);
  for (const [title, { service, version, input }] of Object.entries(CONVERSATIONS)) {
    const protocol = version === 0 ? {} : { GIT_PROTOCOL: `version=${version}` };
    const own = new Deno.Command("git", {
      args: [service, source],
      env: { ...gitEnvironment(), ...protocol },
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const target = {
      origin: server.sshOrigin,
      key,
      options: ["-o", "SendEnv=GIT_PROTOCOL"],
      env: protocol,
    };
    const ours = spawnSsh(target, [`git-${service} '${NAME}.git'`]);
    const [wanted, found] = [await exitCode(own, input), await exitCode(ours, input)];
    assert.equal(found, wanted, title);
  }
});
