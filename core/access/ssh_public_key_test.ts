import assert from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError } from "../error.ts";
import { parseSshPublicKey } from "./ssh_public_key.ts";

/** Made by ssh-keygen, with the fingerprints that it shows. */
const KEYS = [
  {
    type: "ssh-ed25519",
    fingerprint: "SHA256:2vvoxyWZUDmkkKZMRRH7kpJOQpCaEVfUzmdpnIDvO6o",
    blob: "AAAAC3NzaC1lZDI1NTE5AAAAILUjo/jz9cOadsJeQK9oii2ULigocC2hfzd3kLWBdZ6t",
  },
  {
    type: "ecdsa-sha2-nistp256",
    fingerprint: "SHA256:6wMerCsdHBkk7JdbY8wd7wyVSLZeWXi9aPc15tHYPJs",
    blob: "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBER7F3FcQJGMW/Er" +
      "yyGSkv8EaWhOFt6JealwCwSMQPIozxn+eCAnX+C2AUOjZ1tSrTWulCpMZeLS6VXSJCc+" +
      "wXA=",
  },
  {
    type: "ecdsa-sha2-nistp384",
    fingerprint: "SHA256:CXx/XkLFHICjgFBqg9R7PVXueeT+/e3uZDRO+RQkc/I",
    blob: "AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBKYfpLqa2veEadUT" +
      "fy5do6nMiNRQfDPPX8+UQDsx90kphWUHR4PWHdH0qlecFzFpyp3eeniTMT1Vvw5i3l2P" +
      "YOjmUD6qgnonOLx0WRXZ2q22LCiavYQXRWnZ1J2T57r7AQ==",
  },
  {
    type: "ecdsa-sha2-nistp521",
    fingerprint: "SHA256:HG2M9KaMnuMcaukIk/jmy5OV6+RKVY/7TJtL5EZLnO8",
    blob: "AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAFyrlW6i7UOy/RY" +
      "YppT/WcHhsn+NOL3r4kdtNkopZUo5Tb+4it8VVBpbLPDaVegijn8YGxHDhUCvTMWwI6w" +
      "GJr7zAF5l0RZQ1mIht7mT8PJHp28FrxC/WeLS2bKVBRtE03Tj/DxPL6M0v/bS2u9kBhE" +
      "q75yXCZvlLIpWf3ar4DkDUP9FA==",
  },
  {
    type: "ssh-rsa",
    fingerprint: "SHA256:7ietv+PgFssXdk5Da4hSR8F7XWQRrxVZr5AtVGT7FnI",
    blob: "AAAAB3NzaC1yc2EAAAADAQABAAABAQCtalOAzsart8GUw5QBn8SslViRWWngbifBT39t" +
      "QqnsZbNEPHWUcUZ7KO3niAjhwCNlBFarX0tCK78WKYTkjNfjIZSDYGGLaER+xPNbHmcf" +
      "+dczN/jhbrfWB0izxEalwWfh95VA97wBlbXJR+EVU9ht7b/37FjEUMbMY2C2YPmB3MLY" +
      "l82qhlxWmGOxCOssrIPwZlZw1rxq5C/4JyIKFIF5QYuxbPtjhYpgrYovdcAsNs6QPHGZ" +
      "VaMkU1lidpwapGTSg9wpdS1tW5y8OuSfeVMIvvDZUuN6vJYZepgKkaWNNXA6toew/sbn" +
      "WlDJ9JCvHZbNV2OrqBgthUXvmx5Wk4VL",
  },
];
const RSA_1024 = "AAAAB3NzaC1yc2EAAAADAQABAAAAgQD9+CexZMoSJkh5NVbPFNGlPbAlD4TMn1byC+7e" +
  "TQk1m5PbqVLjmZfhL31AiV/SdPvJw6HtEQro5p4Lwgz03Q55YTYc/cXy3g6uax030nZd" +
  "CK050gCs2Db4xo8nupvGo+vaVaAA9HQkSnrbL/JsyAxv2x1wp5RDHKv05a9AVNiM8Q==";

function reasonOf(text: string): unknown {
  try {
    parseSshPublicKey(text);
  } catch (error) {
    assert.ok(error instanceof GitStratumError && error.code === "invalid", String(error));
    return error.data.reason;
  }
  return undefined;
}

/** A key of fields as they go over the wire. */
function lineOf(type: string, fields: readonly (readonly number[])[]): string {
  const all = [[...new TextEncoder().encode(type)], ...fields];
  const bytes = all.flatMap((field) => [0, 0, field.length >> 8, field.length & 255, ...field]);
  return `${type} ${new Uint8Array(bytes).toBase64()}`;
}

const numbers = (count: number, value: number): number[] => Array(count).fill(value);

/** Any UTF-16, well-formed or not. */
const anyText = (lengthMax: number) =>
  fc.array(fc.oneof(fc.nat({ max: 0x7f }), fc.nat({ max: 0xffff })), { maxLength: lengthMax })
    .map((units) => String.fromCharCode(...units));

Deno.test("parseSshPublicKey() reads keys as ssh-keygen writes them", () => {
  for (const { type, blob, fingerprint } of KEYS) {
    const comment = "someone@example";
    const key = { type, blob, fingerprint, comment };
    assert.deepEqual(parseSshPublicKey(`${type} ${blob} ${comment}\n`), key);
    assert.deepEqual(parseSshPublicKey(`${type}\t${blob}`), { ...key, comment: "" });
  }
});

Deno.test("parseSshPublicKey() refuses keys that are too weak or unknown", () => {
  assert.equal(reasonOf(`ssh-rsa ${RSA_1024}`), "RSA keys below 2048 bits are too weak");
  const modulus = [0, ...numbers(256, 255)];
  assert.equal(reasonOf(lineOf("ssh-rsa", [[3], modulus])), undefined);
  assert.equal(reasonOf(lineOf("ssh-rsa", [[1], modulus])), "the key is too weak");
  assert.equal(
    reasonOf(lineOf("ssh-rsa", [[3], [127, ...numbers(255, 255)]])),
    "RSA keys below 2048 bits are too weak",
  );
  assert.match(String(reasonOf(lineOf("ssh-rsa", [[3], [0, ...numbers(2049, 255)]]))), /above/);
  assert.match(String(reasonOf(lineOf("ssh-dss", [[1]]))), /too weak/);
  assert.match(String(reasonOf(lineOf("ssh-other", [[1]]))), /not supported/);
});

Deno.test("parseSshPublicKey() refuses keys whose parts do not fit", () => {
  const modulus = [0, ...numbers(256, 255)];
  const damaged = [
    lineOf("ssh-ed25519", [numbers(31, 1)]),
    lineOf("ssh-ed25519", [numbers(32, 1), [1]]),
    lineOf("ssh-ed25519", []),
    lineOf("ssh-rsa", [[3]]),
    lineOf("ssh-rsa", [[2], modulus]),
    lineOf("ssh-rsa", [[], modulus]),
    lineOf("ssh-rsa", [[3], numbers(256, 255)]),
    lineOf("ssh-rsa", [[3], [0, 0, ...numbers(256, 255)]]),
    lineOf("ecdsa-sha2-nistp256", [numbers(65, 4)]),
    lineOf("ecdsa-sha2-nistp256", [[...new TextEncoder().encode("nistp384")], numbers(65, 4)]),
    lineOf("ecdsa-sha2-nistp256", [[...new TextEncoder().encode("nistp256")], numbers(65, 2)]),
    "ssh-ed25519 AAAA",
    "ssh-ed25519 /////w==",
  ];
  for (const line of damaged) assert.equal(reasonOf(line), "the key is damaged", line);
  const { blob } = KEYS[0]!;
  assert.match(String(reasonOf(`ssh-rsa ${blob}`)), /another type/);
  for (const line of ["", "ssh-ed25519", blob, `ssh-ed25519 ${blob}\nssh-rsa x`, "a ====="]) {
    assert.match(String(reasonOf(line)), /not of the form/, line);
  }
  assert.equal(reasonOf("ssh-ed25519 AAAAC"), "the key is not base 64");
  assert.match(String(reasonOf(`ssh-ed25519 ${blob} ${"x".repeat(9000)}`)), /too long/);
});

Deno.test("parseSshPublicKey() keeps comments short and printable", () => {
  const line = `ssh-ed25519 ${KEYS[0]!.blob} a\x1b[31m\u00e4${"x".repeat(200)}`;
  const { comment } = parseSshPublicKey(line);
  assert.ok(comment.startsWith("a?[31m?x"));
  assert.equal(comment.length, 100);
});

Deno.test("parseSshPublicKey() answers or refuses whatever it is given", () => {
  fc.assert(fc.property(anyText(200), (text) => {
    assert.notEqual(reasonOf(text), undefined);
    reasonOf(`ssh-ed25519 ${text}`);
  }));
});

Deno.test("parseSshPublicKey() answers or refuses a key with other bytes", () => {
  const anyKey = fc.constantFrom(...KEYS);
  fc.assert(fc.property(anyKey, fc.nat(), fc.nat({ max: 255 }), fc.nat(), (key, at, byte, cut) => {
    const bytes = Uint8Array.fromBase64(key.blob);
    bytes[at % bytes.length] = byte;
    reasonOf(`${key.type} ${bytes.toBase64()}`);
    const short = bytes.subarray(0, cut % bytes.length);
    assert.notEqual(reasonOf(`${key.type} ${short.toBase64()}`), undefined);
  }));
});
