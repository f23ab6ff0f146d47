import assert from "node:assert/strict";
import { reservePorts } from "./reserved_ports.ts";

/** Where kernels begin to pick ports for connections and for listeners on port 0. */
const PICKED_PORT_MIN = 32_768;

Deno.test("reservePorts() gives no port twice, and none that the kernel gives to others", () => {
  const ports = [...reservePorts(200), ...reservePorts(200)];
  assert.equal(new Set(ports).size, ports.length);
  assert.ok(ports.every((port) => port >= 1024 && port < PICKED_PORT_MIN));
});

Deno.test("reservePorts() gives ports that can be listened on", () => {
  for (const port of reservePorts(5)) {
    const listener = Deno.listen({ hostname: "127.0.0.1", port });
    assert.equal(listener.addr.port, port);
    listener.close();
  }
});
