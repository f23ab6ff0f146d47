import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../error.ts";
import {
  isInRange,
  isPublicAddress,
  parseAddressRange,
  parseNetworkAddress,
} from "./network_address.ts";

Deno.test("isPublicAddress() tells what anybody can reach from what only some can", () => {
  const open = [
    ...["1.1.1.1", "8.8.8.8", "93.184.216.34", "11.0.0.1", "172.15.255.255", "172.32.0.1"],
    ...["100.63.255.255", "100.128.0.1", "192.0.1.1", "223.255.255.255", "169.253.0.1"],
    ...["2606:4700::1111", "2a00:1450:4001:81b::200e", "2001:4860:4860::8888", "::ffff:8.8.8.8"],
  ];
  const closed = [
    ...["0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255"],
    ...["100.100.100.200", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1"],
    ...["172.31.255.255", "192.0.0.192", "192.168.1.1", "198.18.0.1", "198.51.100.7"],
    ...["203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
    ...["168.63.129.16", "192.0.2.1", "192.88.99.1"],
    ...["::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "ff02::1", "::ffff:127.0.0.1"],
    ...["::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1"],
    ...["2002:7f00:1::", "2001::1", "2001:db8::1", "3fff::1", "100::1", "4000::1"],
  ];
  for (const text of open) equal(isPublicAddress(parseNetworkAddress(text)!), true, text);
  for (const text of closed) equal(isPublicAddress(parseNetworkAddress(text)!), false, text);
});

Deno.test("parseNetworkAddress() reads every spelling and nothing else", () => {
  const loopback = parseNetworkAddress("::1");
  for (const text of ["0:0:0:0:0:0:0:1", "0000::0001", "::0.0.0.1"]) {
    deepEqual(parseNetworkAddress(text), loopback, text);
  }
  deepEqual(parseNetworkAddress("::ffff:7f00:1"), parseNetworkAddress("127.0.0.1"));
  for (
    const text of ["", "localhost", "127.1", "0x7f.0.0.1", "2130706433", "fe80::1%eth0", "1.2.3.4 "]
  ) equal(parseNetworkAddress(text), undefined, text);
  fc.assert(fc.property(fc.ipV6(), (text) => {
    const address = parseNetworkAddress(text);
    equal([4, 16].includes(address?.length ?? 0), true);
  }));
  fc.assert(fc.property(fc.string(), (text) => {
    const address = parseNetworkAddress(text);
    if (address !== undefined) isPublicAddress(address);
  }));
});

Deno.test("isInRange() compares leading bits as a bit by bit comparison does", () => {
  const bitsOf = (address: Uint8Array) =>
    [...address].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  fc.assert(fc.property(fc.ipV4(), fc.ipV4(), fc.nat({ max: 32 }), (one, other, bits) => {
    const [a, b] = [parseNetworkAddress(one)!, parseNetworkAddress(other)!];
    const wanted = bitsOf(a).slice(0, bits) === bitsOf(b).slice(0, bits);
    equal(isInRange(a, { address: b, bits }), wanted);
  }));
});

Deno.test("parseAddressRange() reads ranges and single addresses", () => {
  const has = (range: string, address: string) =>
    isInRange(parseNetworkAddress(address)!, parseAddressRange(range));
  equal(has("10.0.0.0/8", "10.9.9.9"), true);
  equal(has("10.0.0.0/8", "11.0.0.0"), false);
  equal(has("127.0.0.1", "127.0.0.1"), true);
  equal(has("127.0.0.1", "127.0.0.2"), false);
  equal(has("0.0.0.0/0", "1.2.3.4"), true);
  equal(has("0.0.0.0/0", "::1"), false);
  equal(has("fd00::/8", "fd12::1"), true);
  for (const bad of ["", "10.0.0.0/33", "10/8", "::1/129", "a/8", "10.0.0.0/", "10.0.0.0/8/8"]) {
    throws(() => parseAddressRange(bad), (error) => hasCode(error, "invalid"), bad);
  }
});
