import assert from "node:assert/strict";
import fc from "fast-check";
import { config, enums, PacketList, readKey, readPrivateKey, SignaturePacket } from "openpgp";
import {
  OPENPGP_KEY_KEPT_BYTES_MAX,
  OPENPGP_KEY_LENGTH_MAX,
  OPENPGP_KEY_PACKET_COUNT_MAX,
  OPENPGP_PRIMARY_PACKET_COUNT_MAX,
} from "../access_limits.ts";
import { GitStratumError } from "../error.ts";
import { openPgpSigners, readOpenPgpKey } from "./openpgp_key.ts";
import { GnuPg } from "./testing/gnupg.ts";

const YEAR_2020 = ["--faked-system-time", "20200101T000000!"];
const NOW = { nowMs: Date.now() };

/** Why a key is refused. */
async function reasonOf(armoured: string, options = NOW): Promise<string> {
  try {
    await readOpenPgpKey(armoured, options);
  } catch (error) {
    if (error instanceof GitStratumError && error.code === "invalid") {
      return String(error.data["reason"]);
    }
    throw error;
  }
  return "taken";
}

/** Edits a key as somebody does who types. */
function edit(gpg: GnuPg, key: string, lines: readonly string[]): Promise<string> {
  return gpg.run(["--command-fd", "0", "--edit-key", key], lines.join("\n") + "\n");
}

Deno.test("readOpenPgpKey() reads keys that gpg makes, of every type", async () => {
  await using gpg = await GnuPg.open();
  for (const type of ["ed25519", "rsa2048", "nistp256", "nistp384", "nistp521"]) {
    const fingerprint = await gpg.makeKey(`${type} <a@example.org>`, { algorithm: type });
    const key = await readOpenPgpKey(await gpg.exportKey(fingerprint), NOW);
    assert.equal(key.type, type);
    assert.equal(key.fingerprint, fingerprint.toLowerCase());
    assert.equal(key.userId, `${type} <a@example.org>`);
    const keyIds = key.signers.map(({ keyId }) => keyId);
    assert.deepEqual(keyIds, [fingerprint.slice(-16).toLowerCase()]);
    assert.equal(key.signers[0]!.endsAtMs, Infinity);
    assert.ok(key.bytes.length <= OPENPGP_KEY_KEPT_BYTES_MAX);
  }
});

Deno.test("readOpenPgpKey() keeps the subkeys that sign, and what they need", async () => {
  await using gpg = await GnuPg.open();
  const key = await gpg.makeKey("Ann", { algorithm: "rsa2048", usage: "cert" });
  for (const [algorithm, usage] of [["ed25519", "sign"], ["cv25519", "encr"]]) {
    await gpg.run(["--quick-add-key", key, algorithm!, usage!, "1y"]);
  }
  await gpg.run(["--quick-add-uid", key, "Ann at work"]);
  // Somebody else says that it is hers.
  await gpg.makeKey("Bob", { algorithm: "rsa2048" });
  await gpg.run(["--local-user", "Bob", "--quick-sign-key", key]);
  const armoured = await gpg.exportKey(key);
  const read = await readOpenPgpKey(armoured, NOW);
  assert.equal(read.type, "rsa2048");
  assert.equal(read.signers.length, 1);
  assert.notEqual(read.signers[0]!.keyId, read.fingerprint.slice(-16));
  assert.ok(read.signers[0]!.endsAtMs < Infinity);
  const exported = Uint8Array.fromBase64(armoured.split("\n\n")[1]!.split("\n=")[0]!);
  assert.ok(read.bytes.length < exported.length / 2, "much is left out");
  const again = await openPgpSigners(read.bytes);
  assert.deepEqual(
    again.map(({ keyId, endsAtMs }) => ({ keyId, endsAtMs })),
    read.signers.map(({ keyId, endsAtMs }) => ({ keyId, endsAtMs })),
  );
});

Deno.test("readOpenPgpKey() refuses keys that are too weak or can not sign, with the reason", async () => {
  await using gpg = await GnuPg.open();
  const armoured = async (name: string, usage: string, options: readonly string[] = []) => {
    const key = await gpg.makeKey(`${name} ${usage}`, { algorithm: name, usage }, options);
    return await gpg.exportKey(key);
  };
  assert.match(await reasonOf(await armoured("rsa1024", "sign")), /below 2048 bits/);
  assert.match(await reasonOf(await armoured("dsa2048", "sign")), /dsa are too weak/);
  assert.match(await reasonOf(await armoured("secp256k1", "sign")), /curve are not supported/);
  assert.match(await reasonOf(await armoured("ed25519", "cert")), /nothing in it may sign/);
  const weakHash = await armoured("rsa2048", "sign", ["--cert-digest-algo", "SHA1"]);
  assert.match(await reasonOf(weakHash), /weak hash, renew/);
});

Deno.test("readOpenPgpKey() refuses what is no single public key", async () => {
  await using gpg = await GnuPg.open();
  const ann = await gpg.makeKey("Ann", { algorithm: "ed25519" });
  const bob = await gpg.makeKey("Bob", { algorithm: "ed25519" });
  const secret = await gpg.run(["--armor", "--export-secret-keys", ann]);
  assert.match(await reasonOf(secret), /private key/);
  const renamed = secret.replaceAll("PRIVATE KEY", "PUBLIC KEY");
  assert.match(await reasonOf(renamed), /can not be read as one/);
  const both = await gpg.run(["--armor", "--export", ann, bob]);
  assert.match(await reasonOf(both), /can not be read as one/);
  const signature = await gpg.sign(new Uint8Array(1), { key: ann });
  assert.match(await reasonOf(signature), /not an armoured OpenPGP public key/);
  assert.match(await reasonOf(""), /not an armoured/);
  assert.match(await reasonOf("x".repeat(OPENPGP_KEY_LENGTH_MAX + 1)), /too long/);
});

Deno.test("readOpenPgpKey() refuses keys that have expired or are revoked", async () => {
  await using gpg = await GnuPg.open();
  const key = await gpg.makeKey("Old", { algorithm: "ed25519", expires: "1d" }, YEAR_2020);
  const old = await gpg.exportKey(key, YEAR_2020);
  assert.match(await reasonOf(old), /has expired/);
  assert.equal(await reasonOf(old, { nowMs: Date.UTC(2020, 0, 1, 12) }), "taken");
  const lost = await gpg.makeKey("Lost", { algorithm: "ed25519" });
  const certificate = await Deno.readTextFile(`${gpg.home}/openpgp-revocs.d/${lost}.rev`);
  await gpg.run(["--import"], certificate.replace(":-----BEGIN", "-----BEGIN"));
  assert.equal(await reasonOf(await gpg.exportKey(lost)), "it is revoked");
});

Deno.test("openPgpSigners() lets subkeys that were retired sign until then, and lost ones never", async () => {
  await using gpg = await GnuPg.open();
  const key = await gpg.makeKey("Ann", { algorithm: "ed25519", usage: "cert" }, YEAR_2020);
  for (let n = 0; n < 3; n++) {
    await gpg.run([...YEAR_2020, "--quick-add-key", key, "ed25519", "sign", "never"]);
  }
  const before = (await readOpenPgpKey(await gpg.exportKey(key), NOW)).signers;
  assert.equal(before.length, 3);
  // Reasons: 1 is lost, 3 is no longer used.
  await edit(gpg, key, ["key 1", "revkey", "y", "1", "", "y", "save"]);
  await edit(gpg, key, ["key 2", "revkey", "y", "3", "", "y", "save"]);
  const after = (await readOpenPgpKey(await gpg.exportKey(key), NOW)).signers;
  assert.equal(after.length, 2, "the lost one is gone");
  const [retired, sound] = after.toSorted((a, b) => a.endsAtMs - b.endsAtMs);
  assert.ok(Math.abs(retired!.endsAtMs - Date.now()) < 600_000, "it ends when it was retired");
  assert.equal(sound!.endsAtMs, Infinity);
});

Deno.test("openPgpSigners() takes no subkey that does not say itself whose it is", async () => {
  await using gpg = await GnuPg.open();
  const ann = await gpg.makeKey("Ann", { algorithm: "ed25519", usage: "cert" });
  await gpg.run(["--quick-add-key", ann, "ed25519", "sign", "never"]);
  const bob = await gpg.makeKey("Bob", { algorithm: "ed25519" });
  const anns = await readKey({ armoredKey: await gpg.exportKey(ann) });
  const secret = await gpg.run(["--armor", "--export-secret-keys", bob]);
  const bobs = await readPrivateKey({ armoredKey: secret });
  const [subkey] = anns.subkeys;
  const own = subkey!.bindingSignatures[0]!.embeddedSignature;
  const claimedBy = async (embeddedSignature: SignaturePacket | null) => {
    const binding = new SignaturePacket();
    binding.signatureType = enums.signature.subkeyBinding;
    binding.publicKeyAlgorithm = enums.publicKey.eddsaLegacy;
    binding.hashAlgorithm = enums.hash.sha512;
    binding.keyFlags = new Uint8Array([enums.keyFlags.signData]);
    binding.embeddedSignature = embeddedSignature;
    const data = { key: bobs.keyPacket, bind: subkey!.keyPacket };
    const sign = binding.sign.bind(binding) as (...parts: unknown[]) => Promise<void>;
    await sign(bobs.keyPacket, data, new Date(), false, config);
    const both = [bobs.toPublic().write(), subkey!.keyPacket.write()];
    const packets = new PacketList<SignaturePacket>();
    packets.push(binding);
    // A subkey in a packet of the old format.
    const [certificate, packet] = both as [Uint8Array, Uint8Array];
    const head = [0xb8, packet.length];
    return new Uint8Array([...certificate, ...head, ...packet, ...packets.write() as Uint8Array]);
  };
  for (const embedded of [null, own]) {
    const claimed = await claimedBy(embedded);
    const [bound] = (await readKey({ binaryKey: claimed })).subkeys;
    assert.ok(await bound!.verify(), "Bob says that it is his");
    const keyIds = (await openPgpSigners(claimed)).map(({ keyId }) => keyId);
    assert.deepEqual(keyIds, [bob.slice(-16).toLowerCase()]);
  }
});

Deno.test("readOpenPgpKey() bounds what it checks before it checks anything", async () => {
  await using gpg = await GnuPg.open();
  const fingerprint = await gpg.makeKey("Ann", { algorithm: "ed25519" });
  const key = await readKey({ armoredKey: await gpg.exportKey(fingerprint) });
  const [user] = key.users;
  const [certification] = user!.selfCertifications;
  user!.selfCertifications = Array(OPENPGP_KEY_PACKET_COUNT_MAX).fill(certification);
  assert.match(await reasonOf(key.armor()), /too many parts/);
  user!.selfCertifications = Array(OPENPGP_KEY_PACKET_COUNT_MAX - 2).fill(certification);
  assert.equal(await reasonOf(key.armor()), "taken");
  const certificate = await Deno.readTextFile(`${gpg.home}/openpgp-revocs.d/${fingerprint}.rev`);
  await gpg.run(["--import"], certificate.replace(":-----BEGIN", "-----BEGIN"));
  const revoked = await readKey({ armoredKey: await gpg.exportKey(fingerprint) });
  const [revocation] = revoked.revocationSignatures;
  revoked.revocationSignatures = Array(OPENPGP_PRIMARY_PACKET_COUNT_MAX).fill(revocation);
  assert.match(await reasonOf(revoked.armor()), /too many parts/);
  revoked.revocationSignatures.pop();
  assert.equal(await reasonOf(revoked.armor()), "it is revoked");
});

Deno.test("readOpenPgpKey() answers whatever it is given", async () => {
  await using gpg = await GnuPg.open();
  const fingerprint = await gpg.makeKey("Ann", { algorithm: "ed25519" });
  const { bytes } = await readOpenPgpKey(await gpg.exportKey(fingerprint), NOW);
  const armour = (content: Uint8Array) =>
    `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${content.toBase64()}\n` +
    `-----END PGP PUBLIC KEY BLOCK-----\n`;
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (noise) => {
      assert.notEqual(await reasonOf(armour(noise)), "taken");
      assert.deepEqual(await openPgpSigners(noise), []);
    }),
    { numRuns: 80 },
  );
  const change = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const changed = bytes.slice();
      for (const [at, by] of changes) changed[at] = changed[at]! ^ by;
      // Some bytes say nothing that counts; whatever is read never throws anything else.
      await reasonOf(armour(changed));
      await reasonOf(armour(changed.subarray(0, changes[0]![0])));
    }),
    { numRuns: 80 },
  );
});
