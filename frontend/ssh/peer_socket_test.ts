import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
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

const CHUNK = new Uint8Array(64 * 1024);

/** Writes until bytes wait that the system does not take. */
function fill(socket: Socket, bytes: number): void {
  while (socket.writableLength <= bytes) socket.write(CHUNK);
}

/** Whether a promise is settled once everything has run that is ready. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  return settled;
}

Deno.test("PeerSocket.room() waits until the client has read enough", () =>
  connected(async (near, far) => {
    const peer = new PeerSocket(near);
    await peer.room();
    // The first writes go to the buffers of the system, whatever their size.
    fill(near, 2 * SSH_SEND_BYTES_MAX);
    await new Promise((resolve) => setTimeout(resolve, 50));
    fill(near, 2 * SSH_SEND_BYTES_MAX);
    const room = peer.room();
    assert.equal(await isSettled(room), false);
    far.resume();
    await room;
    assert.ok(near.writableLength <= SSH_SEND_BYTES_MAX);
  }));

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

Deno.test("PeerSocket.guard() reads nothing from a client that reads nothing", () =>
  connected(async (near, far) => {
    const peer = new PeerSocket(near);
    let received = 0;
    near.on("data", (bytes) => received += bytes.length);
    peer.guard(() => {});
    fill(near, 4 * SSH_ANSWER_BYTES_MAX);
    far.write(CHUNK);
    await once(near, "data");
    assert.ok(near.isPaused());
    const before = received;
    for (let count = 0; count < 64; count++) far.write(CHUNK);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(received, before);
    far.resume();
    await once(near, "drain");
    while (received < 65 * CHUNK.length) await once(near, "data");
  }));

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
