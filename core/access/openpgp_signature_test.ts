import assert from "node:assert/strict";
import fc from "fast-check";
import { OPENPGP_SIGNATURE_LENGTH_MAX } from "../access_limits.ts";
import { type OpenPgpSigner, openPgpSigners, readOpenPgpKey } from "./openpgp_key.ts";
import { isOpenPgpSigned, readOpenPgpSignature } from "./openpgp_signature.ts";
import { GnuPg } from "./testing/gnupg.ts";

const MESSAGE = new TextEncoder().encode("tree 1\r\n\nmessage \n");
const DAY_MS = 24 * 3600 * 1000;
const START_MS = Date.UTC(2020, 0, 1);

/** Options with which gpg takes it for so many days after the start. */
function onDay(day: number): string[] {
  const time = new Date(START_MS + day * DAY_MS).toISOString().replaceAll(/[-:]|\..*/g, "");
  return ["--faked-system-time", `${time}!`];
}

async function signersOf(gpg: GnuPg, key: string, nowMs = Date.now()) {
  return (await readOpenPgpKey(await gpg.exportKey(key), { nowMs })).signers;
}

/** Whether any of some keys signed a message. */
async function isSigned(
  armoured: string,
  signers: readonly OpenPgpSigner[],
  options: { readonly message?: Uint8Array; readonly nowMs?: number } = {},
): Promise<boolean> {
  const { message = MESSAGE, nowMs = Date.now() } = options;
  const signature = await readOpenPgpSignature(armoured);
  const signer = signers.find(({ keyId }) => keyId === signature?.keyId);
  if (signature === undefined || signer === undefined) return false;
  return await isOpenPgpSigned(signature, { message, signer, nowMs });
}

Deno.test("isOpenPgpSigned() knows what gpg signs, by every type of key", async () => {
  await using gpg = await GnuPg.open();
  for (const type of ["ed25519", "rsa2048", "nistp256", "nistp384", "nistp521"]) {
    const key = await gpg.makeKey(type, { algorithm: type });
    const signers = await signersOf(gpg, key);
    const signature = await gpg.sign(MESSAGE, { key });
    assert.equal(await isSigned(signature, signers), true, type);
    for (const words of ["tree 1\n\nmessage \n", "tree 1\r\n\nmessage\n", ""]) {
      const message = new TextEncoder().encode(words);
      assert.equal(await isSigned(signature, signers, { message }), false, type);
    }
    const other = await gpg.makeKey(`other ${type}`, { algorithm: type });
    assert.equal(await isSigned(signature, await signersOf(gpg, other)), false, type);
    const [signer] = signers;
    const [stranger] = await signersOf(gpg, other);
    // The key of somebody else under this one's id.
    const renamed = { ...stranger!, keyId: signer!.keyId };
    assert.equal(await isSigned(signature, [renamed]), false, type);
  }
});

Deno.test("isOpenPgpSigned() takes signatures of subkeys", async () => {
  await using gpg = await GnuPg.open();
  const key = await gpg.makeKey("Ann", { algorithm: "ed25519", usage: "cert" });
  await gpg.run(["--quick-add-key", key, "ed25519", "sign", "1y"]);
  const signature = await gpg.sign(MESSAGE, { key });
  assert.equal(await isSigned(signature, await signersOf(gpg, key)), true);
});

Deno.test("isOpenPgpSigned() takes no weak hash, no text and no two signatures", async () => {
  await using gpg = await GnuPg.open();
  const key = await gpg.makeKey("Ann", { algorithm: "rsa2048" });
  const signers = await signersOf(gpg, key);
  const by = async (...options: string[]) => {
    return await isSigned(await gpg.sign(MESSAGE, { key, options }), signers);
  };
  assert.equal(await by("--digest-algo", "SHA256"), true);
  assert.equal(await by("--digest-algo", "SHA512"), true);
  assert.equal(await by("--digest-algo", "SHA1"), false);
  assert.equal(await by("--digest-algo", "SHA224"), false);
  assert.equal(await by("--textmode"), false);
  await gpg.makeKey("Bob", { algorithm: "ed25519" });
  assert.equal(await by("--local-user", "Bob"), false);
});

Deno.test("isOpenPgpSigned() goes by the time at which the key signed", async () => {
  await using gpg = await GnuPg.open();
  const key = await gpg.makeKey("Ann", { algorithm: "ed25519", expires: "10d" }, onDay(0));
  const first = await readOpenPgpKey(await gpg.exportKey(key), { nowMs: START_MS + DAY_MS });
  const early = await gpg.sign(MESSAGE, { key, options: onDay(5) });
  await gpg.run([...onDay(6), "--quick-set-expire", key, "30d"]);
  const late = await gpg.sign(MESSAGE, { key, options: onDay(20) });
  assert.equal(await isSigned(early, first.signers), true, "it has expired since");
  assert.equal(await isSigned(late, first.signers), false, "it had expired");
  const renewed = await signersOf(gpg, key, START_MS + 20 * DAY_MS);
  assert.equal(await isSigned(late, renewed), true);
  assert.equal(await isSigned(early, renewed), true, "it was renewed since");
  assert.deepEqual(await openPgpSigners(first.bytes), first.signers, "not by the time of reading");
});

Deno.test("isOpenPgpSigned() takes no signature from the future, nor one that has expired", async () => {
  await using gpg = await GnuPg.open();
  const key = await gpg.makeKey("Ann", { algorithm: "ed25519" }, onDay(0));
  const signers = await signersOf(gpg, key);
  const options = [...onDay(10), "--default-sig-expire", "5d"];
  const signature = await gpg.sign(MESSAGE, { key, options });
  const on = (day: number) => isSigned(signature, signers, { nowMs: START_MS + day * DAY_MS });
  assert.equal(await on(9), false);
  assert.equal(await on(10), true);
  assert.equal(await on(14.9), true);
  assert.equal(await on(15.1), false);
});

Deno.test("isOpenPgpSigned() takes no signature with another byte that counts", async () => {
  await using gpg = await GnuPg.open();
  const key = await gpg.makeKey("Ann", { algorithm: "ed25519" });
  const signers = await signersOf(gpg, key);
  const signature = await gpg.sign(MESSAGE, { key });
  const bytes = Uint8Array.fromBase64(signature.split("\n\n")[1]!.split("\n=")[0]!);
  const armour = (content: Uint8Array) =>
    `-----BEGIN PGP SIGNATURE-----\n\n${content.toBase64()}\n-----END PGP SIGNATURE-----\n`;
  assert.equal(await isSigned(armour(bytes), signers), true);
  const { notSignedAt, numbersAt } = partsOf(bytes);
  for (let at = 0; at < bytes.length; at++) {
    // Two numbers are told with their lengths in bits, of which only whole bytes count.
    const isLength = numbersAt.includes(at) || numbersAt.includes(at - 1);
    if (isLength || (at >= notSignedAt && at < numbersAt[0]! - 2)) continue;
    const changed = bytes.slice();
    changed[at] = changed[at]! ^ 1;
    assert.equal(await isSigned(armour(changed), signers), false, `byte ${at}`);
  }
  assert.equal(await isSigned(armour(bytes.subarray(0, -1)), signers), false);
  assert.equal(await isSigned(armour(new Uint8Array([...bytes, ...bytes])), signers), false);
});

/** Where the parts of a signature of version 4 in a short packet begin (RFC 9580, 5.2.3). */
function partsOf(bytes: Uint8Array): { notSignedAt: number; numbersAt: readonly number[] } {
  const numberAt = (at: number) => (bytes[at]! << 8) + bytes[at + 1]!;
  const notSignedAt = 8 + numberAt(6);
  // Behind what is not signed come two bytes of the hash.
  const first = notSignedAt + 2 + numberAt(notSignedAt) + 2;
  return { notSignedAt, numbersAt: [first, first + 2 + Math.ceil(numberAt(first) / 8)] };
}

Deno.test("readOpenPgpSignature() answers whatever it is given", async () => {
  await using gpg = await GnuPg.open();
  const key = await gpg.makeKey("Ann", { algorithm: "ed25519" });
  const signers = await signersOf(gpg, key);
  const armour = (text: string) =>
    `-----BEGIN PGP SIGNATURE-----\n\n${text}\n-----END PGP SIGNATURE-----\n`;
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.string(), async (bytes, text) => {
      assert.equal(await isSigned(armour(bytes.toBase64()), signers), false);
      const packet = new Uint8Array([0x88, bytes.length & 0xff, 4, 0, 22, 10, ...bytes]);
      assert.equal(await isSigned(armour(packet.toBase64()), signers), false);
      assert.equal(await isSigned(armour(text), signers), false);
      assert.equal(await isSigned(text, signers), false);
    }),
    { numRuns: 100 },
  );
  const long = armour("A".repeat(OPENPGP_SIGNATURE_LENGTH_MAX));
  assert.equal(await readOpenPgpSignature(long), undefined);
});
