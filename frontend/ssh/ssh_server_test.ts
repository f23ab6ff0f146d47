import assert from "node:assert/strict";
import { GitStratumError, ManualClock, MIB, systemClock } from "@gitstratum/core";
import { unguardedAsker } from "../access/asker.ts";
import type { GitConversations } from "../session/git_conversations.ts";
import type { ConversationEnd } from "../session/session.ts";
import { openHostKeys } from "./host_keys.ts";
import { SSH_LIMITS, type SshLimits } from "./ssh_limits.ts";
import { serveSsh, type SshServer } from "./ssh_server.ts";

/** A conversation, answered unless it says otherwise. */
type Converse = (
  ...asked: Parameters<GitConversations["converse"]>
) => AsyncGenerator<Uint8Array, ConversationEnd | void>;

function conversations(converse: Converse): GitConversations {
  return {
    async *converse(...asked) {
      return (yield* converse(...asked)) ?? "answered";
    },
  };
}

interface Fixture {
  readonly server: SshServer;
  readonly clock: ManualClock;
  readonly failures: unknown[];
  /** Starts the ssh client. */
  ssh(command: string, options?: readonly string[]): Deno.ChildProcess;
}

interface FixtureOptions {
  readonly converse?: Converse;
  readonly limits?: Partial<SshLimits>;
  readonly countHandshake?: () => void;
}

async function makeKey(path: string): Promise<string> {
  await new Deno.Command("ssh-keygen", { args: ["-q", "-t", "ed25519", "-N", "", "-f", path] })
    .output();
  return path;
}

/** A server with a clock that stands still, and clients with a key that it knows. */
async function withServer(
  options: FixtureOptions,
  test: (fixture: Fixture) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "gitstratum-ssh-" });
  const key = await makeKey(`${directory}/key`);
  const clock = new ManualClock();
  const failures: unknown[] = [];
  const server = await serveSsh({
    hostname: "127.0.0.1",
    port: 0,
    clock,
    drainMs: 1000,
    limits: { ...SSH_LIMITS, ...options.limits },
    hostKeys: await openHostKeys(directory),
    authenticate: () => Promise.resolve(unguardedAsker("ann")),
    conversations: conversations(options.converse ?? nothing),
    ...(options.countHandshake && { countHandshake: options.countHandshake }),
    onFailure: (error) => failures.push(error),
  });
  const fixed = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"];
  const words = [...fixed, "BatchMode=yes", "IdentitiesOnly=yes"].flatMap((word) => ["-o", word]);
  const ssh = (command: string, extra: readonly string[] = []) =>
    new Deno.Command("ssh", {
      args: ["-F", "/dev/null", ...words, "-i", key, ...extra, "-p", `${server.port}`]
        .concat("git@127.0.0.1", command === "" ? [] : command),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  try {
    await test({ server, clock, failures, ssh });
  } finally {
    const closed = server.close();
    await clock.advance(10_000);
    await closed;
    await Deno.remove(directory, { recursive: true });
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

const COMMAND = "git-upload-pack 'a/b'";

async function outcome(child: Deno.ChildProcess) {
  await child.stdin.close().catch(() => undefined);
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Waits until a number has stopped to grow. There is no event for what does not happen. */
async function settled(value: () => number): Promise<number> {
  let last = -1;
  for (let stable = 0; stable < 10;) {
    await systemClock.sleep(50);
    stable = value() === last && last > 0 ? stable + 1 : 0;
    last = value();
  }
  return last;
}

Deno.test("serveSsh() carries bytes both ways and tells who asks", async () => {
  const seen: unknown[] = [];
  const converse: Converse = async function* (service, name, input) {
    const { transport, asker, version, remoteAddress } = input;
    const { user } = asker.actor();
    seen.push({ service, name, transport, user, version, remoteAddress });
    for await (const bytes of input.body) yield bytes;
  };
  await withServer({ converse }, async ({ ssh }) => {
    const child = ssh(COMMAND, ["-o", "SetEnv=GIT_PROTOCOL=version=2 LANG=x"]);
    const sent = crypto.getRandomValues(new Uint8Array(65536));
    const writer = child.stdin.getWriter();
    const feeding = (async () => {
      for (let i = 0; i < 100; i++) await writer.write(sent);
      await writer.close();
    })();
    const received = await new Response(child.stdout).bytes();
    await feeding;
    assert.equal((await child.status).code, 0);
    await child.stderr.cancel();
    assert.equal(received.length, 100 * sent.length);
    assert.deepEqual(received.subarray(99 * sent.length), sent);
    assert.deepEqual(seen, [{
      service: "git-upload-pack",
      name: "a/b",
      transport: "ssh",
      user: "ann",
      version: 2,
      remoteAddress: "127.0.0.1",
    }]);
  });
});

Deno.test("serveSsh() loses nothing when client and server agree on new keys", async () => {
  const converse: Converse = async function* (_service, _name, { body }) {
    for await (const bytes of body) yield bytes;
  };
  await withServer({ converse }, async ({ ssh, failures }) => {
    const child = ssh(COMMAND, ["-o", "RekeyLimit=256K"]);
    const sent = new Uint8Array(4 * MIB).map((_, index) => index * 7 >> 5);
    const feeding = ReadableStream.from([sent]).pipeTo(child.stdin);
    const received = await new Response(child.stdout).bytes();
    await Promise.all([feeding, child.stderr.cancel()]);
    assert.deepEqual(received, sent);
    assert.equal((await child.status).code, 0);
    assert.deepEqual(failures, []);
  });
});

Deno.test("serveSsh() makes no more for a client that does not read", async () => {
  let produced = 0;
  const converse: Converse = async function* (_service, _name, { signal }) {
    while (!signal.aborted) {
      produced += MIB;
      yield await Promise.resolve(new Uint8Array(MIB));
    }
  };
  await withServer({ converse }, async ({ ssh }) => {
    const child = ssh(COMMAND);
    const bytes = await settled(() => produced);
    assert.ok(bytes <= 8 * MIB, `${bytes} bytes were made`);
    child.kill("SIGKILL");
    await child.output();
  });
});

Deno.test("serveSsh() takes no more from a client than its session reads", async () => {
  const release = Promise.withResolvers<void>();
  let received = 0;
  const converse: Converse = async function* (_service, _name, { body }) {
    await release.promise;
    for await (const bytes of body) received += bytes.length;
    yield new TextEncoder().encode(`${received}`);
  };
  await withServer({ converse }, async ({ ssh }) => {
    const child = ssh(COMMAND);
    const writer = child.stdin.getWriter();
    let sent = 0;
    let stop = false;
    const feeding = (async () => {
      while (!stop) {
        await writer.write(new Uint8Array(65536));
        sent += 65536;
      }
      await writer.close();
    })();
    const bytes = await settled(() => sent);
    assert.ok(bytes <= 8 * MIB, `${bytes} bytes were taken`);
    stop = true;
    release.resolve();
    await feeding;
    const [stdout] = await Promise.all([new Response(child.stdout).text(), child.stderr.cancel()]);
    assert.equal(stdout, `${sent}`);
    assert.equal((await child.status).code, 0);
  });
});

Deno.test("serveSsh() stops a session whose client is gone", async () => {
  const started = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const converse: Converse = async function* (_service, _name, { signal }) {
    signal.addEventListener("abort", () => stopped.resolve());
    started.resolve();
    yield new Uint8Array(1);
    await stopped.promise;
  };
  await withServer({ converse }, async ({ ssh, failures }) => {
    const child = ssh(COMMAND);
    await started.promise;
    child.kill("SIGKILL");
    await stopped.promise;
    await child.output();
    assert.deepEqual(failures, []);
  });
});

Deno.test("serveSsh() exits as git's services do after an error that the protocol tells", async () => {
  const converse: Converse = async function* () {
    yield await Promise.resolve(new TextEncoder().encode("000bERR no\n"));
    return "refused";
  };
  await withServer({ converse }, async ({ ssh, failures }) => {
    const { code, stdout, stderr } = await outcome(ssh(COMMAND));
    assert.deepEqual([code, stdout, stderr], [128, "000bERR no\n", ""]);
    assert.deepEqual(failures, []);
  });
});

Deno.test("serveSsh() tells a failure in words and by the exit code", async () => {
  const converse: Converse = async function* () {
    yield new TextEncoder().encode("half");
    await Promise.reject(new Error("a secret"));
  };
  await withServer({ converse }, async ({ ssh, failures }) => {
    const { code, stdout, stderr } = await outcome(ssh(COMMAND));
    assert.deepEqual([code, stdout, stderr], [128, "half", "GitStratum: internal server error\n"]);
    assert.equal(failures.length, 1);
  });
});

Deno.test("serveSsh() cuts clients that do not log in in time", async () => {
  await withServer({ limits: { loginMsMax: 5000 } }, async ({ server, clock }) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const greeting = new Uint8Array(20);
    await connection.read(greeting);
    assert.equal(new TextDecoder().decode(greeting), "SSH-2.0-GitStratum\r\n");
    const rest = readAll(connection);
    await clock.advance(5000);
    await rest;
  });
});

/** Everything until the connection is closed, however that comes. */
async function readAll(connection: Deno.Conn): Promise<string> {
  let text = "";
  try {
    for await (const bytes of connection.readable) text += new TextDecoder("latin1").decode(bytes);
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  return text;
}

Deno.test("serveSsh() leaves room for others when strangers do not log in", async () => {
  await withServer({ limits: { loginCountMax: 2 } }, async ({ server, clock, ssh }) => {
    const connect = () => Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const strangers = [readAll(await connect()), readAll(await connect())];
    while (server.connectionCount < 2) await systemClock.sleep(5);
    assert.equal(await readAll(await connect()), "");
    await clock.advance(SSH_LIMITS.loginMsMax);
    await Promise.all(strangers);
    assert.equal((await outcome(ssh(COMMAND))).code, 0);
  });
});

Deno.test("serveSsh() leaves room for other addresses when strangers of one do not log in", async () => {
  await withServer({ limits: { loginAddressCountMax: 2 } }, async ({ server, clock }) => {
    const connect = () => Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const strangers = [readAll(await connect()), readAll(await connect())];
    while (server.connectionCount < 2) await systemClock.sleep(5);
    assert.equal(await readAll(await connect()), "");
    await clock.advance(SSH_LIMITS.loginMsMax);
    for (const text of await Promise.all(strangers)) assert.match(text, /^SSH-2.0-GitStratum/);
  });
});

Deno.test("serveSsh() cuts connections off that are too many, before their handshake", async () => {
  let counted = 0;
  const countHandshake = () => {
    if (++counted > 1) throw new GitStratumError("exhausted", "Refuse too many requests");
  };
  await withServer({ countHandshake }, async ({ server, ssh }) => {
    assert.equal((await outcome(ssh(COMMAND))).code, 0);
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    assert.equal(await readAll(connection), "");
  });
});

Deno.test("serveSsh() refuses more connections than its limit", async () => {
  const release = Promise.withResolvers<void>();
  const converse: Converse = async function* () {
    yield new Uint8Array(1);
    await release.promise;
  };
  await withServer({ converse, limits: { connectionCountMax: 2 } }, async ({ ssh, server }) => {
    const running = [ssh(COMMAND), ssh(COMMAND)];
    while (server.connectionCount < 2) await systemClock.sleep(5);
    assert.equal((await outcome(ssh(COMMAND))).code, 255);
    release.resolve();
    for (const child of running) assert.equal((await outcome(child)).code, 0);
  });
});

Deno.test("serveSsh() ends a connection on which nothing moves", async () => {
  const started = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const converse: Converse = async function* (_service, _name, { signal }) {
    signal.addEventListener("abort", () => aborted.resolve());
    yield new Uint8Array(1);
    started.resolve();
    await aborted.promise;
  };
  await withServer({ converse, limits: { idleMsMax: 60_000 } }, async ({ ssh, clock }) => {
    const child = ssh(COMMAND);
    await started.promise;
    await clock.advance(59_000);
    await clock.advance(2_000);
    await aborted.promise;
    assert.equal((await outcome(child)).code, 255);
  });
});

Deno.test("serveSsh() bounds the sessions of a connection", async () => {
  const release = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const converse: Converse = async function* () {
    started.resolve();
    yield new TextEncoder().encode("x");
    await release.promise;
  };
  await withServer({ converse, limits: { channelCountMax: 1 } }, async ({ ssh }) => {
    const directory = await Deno.makeTempDir({ prefix: "gitstratum-ssh-" });
    const shared = ["-o", `ControlPath=${directory}/master`];
    const first = ssh(COMMAND, [...shared, "-o", "ControlMaster=yes"]);
    await started.promise;
    // Refused by the shared connection, ssh would make one of its own.
    const second = await outcome(ssh(COMMAND, [...shared, "-o", "ProxyCommand=false"]));
    assert.notEqual(second.code, 0);
    assert.match(second.stderr, /Session open refused|open failed/);
    release.resolve();
    assert.equal((await outcome(first)).stdout, "x");
    await Deno.remove(directory, { recursive: true });
  });
});

Deno.test("serveSsh() asks a silent client whether it lives, and cuts a dead one", async () => {
  const aborted = Promise.withResolvers<void>();
  const converse: Converse = async function* (_service, _name, { signal }) {
    signal.addEventListener("abort", () => aborted.resolve());
    yield new Uint8Array(1);
    await aborted.promise;
  };
  const limits = { keepAliveMs: 50, keepAliveCountMax: 2 };
  await withServer({ converse, limits }, async ({ ssh, server }) => {
    const child = ssh(COMMAND);
    const reader = child.stdout.getReader();
    await reader.read();
    child.kill("SIGSTOP");
    await aborted.promise;
    while (server.connectionCount > 0) await systemClock.sleep(5);
    child.kill("SIGKILL");
    await Promise.all([reader.cancel(), child.stderr.cancel(), child.stdin.abort()]);
    await child.status;
  });
});

Deno.test("serveSsh() lets running sessions finish when it closes", async () => {
  const started = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const converse: Converse = async function* () {
    started.resolve();
    await release.promise;
    yield new TextEncoder().encode("finished");
  };
  await withServer({ converse }, async ({ ssh, server }) => {
    const child = ssh(COMMAND);
    await started.promise;
    const closing = server.close();
    assert.equal((await outcome(ssh(COMMAND))).code, 255);
    release.resolve();
    assert.equal((await outcome(child)).stdout, "finished");
    await closing;
  });
});

Deno.test("serveSsh() rejects when the address is taken", async () => {
  await withServer({}, async ({ server }) => {
    const again = serveSsh({
      hostname: "127.0.0.1",
      port: server.port,
      clock: systemClock,
      drainMs: 0,
      limits: SSH_LIMITS,
      hostKeys: [],
      authenticate: () => Promise.resolve(undefined),
      conversations: conversations(nothing),
      onFailure: () => {},
    });
    await assert.rejects(again, { code: "conflict" });
  });
});
