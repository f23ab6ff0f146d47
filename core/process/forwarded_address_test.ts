import assert from "node:assert/strict";
import fc from "fast-check";
import { isInRange, parseAddressRange, parseNetworkAddress } from "../egress/network_address.ts";
import {
  clientAddress,
  PROXY_HEADERS,
  type ProxyTrust,
  withForwardedAddress,
} from "./forwarded_address.ts";

const proxies = ["10.0.0.0/8", "127.0.0.1", "fd00::/8"].map(parseAddressRange);
const usual: ProxyTrust = { proxies, header: "x-forwarded-for" };
const standard: ProxyTrust = { proxies, header: "forwarded" };

Deno.test("clientAddress() believes trusted peers only", () => {
  assert.equal(clientAddress("192.0.2.1", "198.51.100.7", usual), "192.0.2.1");
  assert.equal(clientAddress("10.0.0.1", "198.51.100.7", usual), "198.51.100.7");
  assert.equal(clientAddress("::ffff:10.0.0.1", "198.51.100.7", usual), "198.51.100.7");
  assert.equal(clientAddress("fd00::1", "2001:db8::7", usual), "2001:db8::7");
  assert.equal(clientAddress("10.0.0.1", null, usual), "10.0.0.1");
  assert.equal(clientAddress("10.0.0.1", "", usual), "10.0.0.1");
});

Deno.test("clientAddress() takes what a client wrote itself for nothing", () => {
  // The proxy adds the address that it saw behind whatever the client sent.
  for (const forged of ["1.1.1.1", "10.0.0.9", "127.0.0.1, 127.0.0.1", "unknown", ",,,", "\t"]) {
    assert.equal(
      clientAddress("10.0.0.1", `${forged}, 198.51.100.7`, usual),
      "198.51.100.7",
      forged,
    );
    assert.equal(
      clientAddress("10.0.0.1", `for=${forged}, for=198.51.100.7`, standard),
      "198.51.100.7",
      forged,
    );
  }
});

Deno.test("clientAddress() goes through several proxies, as far as they are trusted", () => {
  assert.equal(
    clientAddress("10.0.0.1", "192.0.2.9, 198.51.100.7, 10.0.0.2", usual),
    "198.51.100.7",
  );
  assert.equal(clientAddress("10.0.0.1", "10.0.0.3, 10.0.0.2", usual), "10.0.0.3");
  assert.equal(clientAddress("10.0.0.1", Array(1e4).fill("10.0.0.2").join(","), usual), "10.0.0.2");
});

Deno.test("clientAddress() stops at what is no address", () => {
  for (
    const odd of ["unknown", "_hidden", "300.1.1.1", "1.2.3", "fe80::1%eth0", "[::1", "a b", ""]
  ) {
    assert.equal(clientAddress("10.0.0.1", `192.0.2.9, ${odd}`, usual), "10.0.0.1", odd);
  }
});

Deno.test("clientAddress() reads ports and brackets", () => {
  assert.equal(clientAddress("10.0.0.1", "198.51.100.7:4711", usual), "198.51.100.7");
  assert.equal(clientAddress("10.0.0.1", "[2001:db8::7]:4711", usual), "2001:db8::7");
  assert.equal(clientAddress("10.0.0.1", "[2001:db8::7]", usual), "2001:db8::7");
});

Deno.test("clientAddress() reads the elements of RFC 7239", () => {
  const read = (header: string) => clientAddress("10.0.0.1", header, standard);
  assert.equal(read('For="[2001:db8::7]:4711"'), "2001:db8::7");
  assert.equal(read("for=192.0.2.43;proto=http;by=10.0.0.1"), "192.0.2.43");
  assert.equal(read("by=10.0.0.1; FOR=192.0.2.43 "), "192.0.2.43");
  assert.equal(read('for=192.0.2.1, for="192.0.2.43:_port"'), "192.0.2.43");
  for (
    const odd of ["for=unknown", 'for="_hidden"', "by=192.0.2.1", "192.0.2.1", 'for="1,192.0.2.1"']
  ) {
    assert.equal(read(odd), "10.0.0.1", odd);
  }
});

Deno.test("clientAddress() gives an address, and a proxy's only from the right", () => {
  const part = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom(
      "10.0.0.1",
      "10.9.9.9:80",
      "[fd00::1]:80",
      "unknown",
      "",
      " ",
      ";",
      '"',
      "for=",
    ),
    fc.string({ maxLength: 8 }),
  );
  fc.assert(fc.property(
    fc.array(part, { maxLength: 20 }),
    fc.constantFrom(...PROXY_HEADERS),
    fc.ipV4(),
    (parts, header, client) => {
      const trust = { proxies, header };
      const forged = parts.join(header === "forwarded" ? ", for=" : ", ");
      const address = clientAddress("10.0.0.1", forged, trust);
      assert.notEqual(parseNetworkAddress(address), undefined);
      if (proxies.some((range) => isInRange(parseNetworkAddress(client)!, range))) return;
      const told = `${forged}, ${header === "forwarded" ? "for=" : ""}${client}`;
      assert.equal(clientAddress("10.0.0.1", told, trust), client);
    },
  ));
});

Deno.test("withForwardedAddress() reads one header and passes all else on", async () => {
  const handle = withForwardedAddress((_, info) => Response.json(info), usual);
  const answer = async (headers: HeadersInit, remoteAddress?: string) => {
    const info = remoteAddress === undefined ? {} : { remoteAddress };
    return await (await handle(new Request("http://h/", { headers }), info)).json();
  };
  const forged = { forwarded: "for=192.0.2.9", "x-real-ip": "192.0.2.9" };
  assert.deepEqual(await answer({ "x-forwarded-for": "192.0.2.7", ...forged }, "10.0.0.1"), {
    remoteAddress: "192.0.2.7",
  });
  assert.deepEqual(await answer(forged, "10.0.0.1"), { remoteAddress: "10.0.0.1" });
  assert.deepEqual(await answer({ "x-forwarded-for": "192.0.2.7" }), {});
});
