import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Duplex, type Writable } from "node:stream";
import { setImmediate } from "node:timers";
import { SSH_ANSWER_BYTES_MAX, SSH_SEND_BYTES_MAX } from "@gitstratum/core";
import { PeerSocket } from "./peer_socket.ts";

/** Both ends of a connection, the server's first. */
async function connected(test: (near: Socket, far: Socket) => Promise<void>): Promise<void> {
  const listener = createServer();
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const accepted = once(listener, "connection");
  const far = connect((listener.address() as AddressInfo).port, "127.0.0.1");
  const [near] = await accepted as [Socket];
  far.pause();
  try {
    await test(near, far);
  } finally {
    far.destroy();
    near.destroy();
    listener.close();
    await once(listener, "close");
  }
}

/**
 * A socket whose client takes nothing until it is told to: how much the system's buffers take of a
 * real one, and when, is not for a test to know.
 */
class HeldSocket extends Duplex {
  #isLetGo = false;
  #held: (() => void) | undefined;

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    if (this.#isLetGo) done();
    else this.#held = done;
  }

  /** From now on the client takes everything. */
  letGo(): void {
    this.#isLetGo = true;
    this.#held?.();
  }

  /** As what it stands for. */
  get asSocket(): Socket {
    return this as unknown as Socket;
  }
}

const CHUNK = new Uint8Array(64 * 1024);

/** Writes until that many bytes wait. */
function fill(socket: Writable, bytes: number): void {
  while (socket.writableLength <= bytes) socket.write(CHUNK);
}

/** Lets everything run that is ready, and what that makes ready. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((done) => setImmediate(done));
}

async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true);
  await settle();
  return settled;
}

Deno.test("PeerSocket.room() waits until the client has read enough", async () => {
  const near = new HeldSocket();
  const peer = new PeerSocket(near.asSocket);
  await peer.room();
  fill(near, 2 * SSH_SEND_BYTES_MAX);
  const room = peer.room();
  assert.equal(await isSettled(room), false);
  near.letGo();
  await room;
  assert.ok(near.writableLength <= SSH_SEND_BYTES_MAX);
});

Deno.test("PeerSocket.room() does not outlive the connection", () =>
  connected(async (near, far) => {
    const peer = new PeerSocket(near);
    fill(near, 8 * SSH_SEND_BYTES_MAX);
    const room = peer.room();
    near.on("error", () => {});
    far.destroy();
    peer.destroy();
    await Promise.all([room, peer.closed, peer.room()]);
  }));

Deno.test("PeerSocket.guard() reads nothing from a client that reads nothing", async () => {
  const near = new HeldSocket();
  const peer = new PeerSocket(near.asSocket);
  let received = 0;
  let chunks = 0;
  near.on("data", (bytes) => received += bytes.length);
  peer.guard(() => chunks++);
  fill(near, 4 * SSH_ANSWER_BYTES_MAX);
  near.push(CHUNK);
  await once(near, "data");
  assert.ok(near.isPaused());
  for (let count = 0; count < 64; count++) near.push(CHUNK);
  await settle();
  assert.equal(received, CHUNK.length);
  near.letGo();
  while (received < 65 * CHUNK.length) await once(near, "data");
  assert.equal(near.isPaused(), false);
  assert.ok(chunks >= 2);
});

Deno.test("PeerSocket.settled() waits only for bytes that did not reach the socket", () =>
  connected(async (near, far) => {
    const peer = new PeerSocket(near);
    far.resume();
    const before = peer.acceptedBytes;
    near.write(CHUNK);
    await peer.settled(before, CHUNK.length);
    const held = peer.settled(peer.acceptedBytes, 1);
    assert.equal(await isSettled(held), false);
    peer.keysExchanged();
    await held;
  }));
