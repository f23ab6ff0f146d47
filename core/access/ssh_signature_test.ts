import { equal } from "node:assert/strict";
import fc from "fast-check";
import { parseSshPublicKey } from "./ssh_public_key.ts";
import { sshSignerOf } from "./ssh_signature.ts";

const MESSAGE = new TextEncoder().encode("tree 1\n\nmessage\n");

/** A key of ssh-keygen's, and what it signs. */
async function signer(directory: string, type: string, bits?: number) {
  const run = async (...args: string[]) => {
    const { code, stderr } = await new Deno.Command("ssh-keygen", { args, stdin: "null" }).output();
    if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  };
  const key = `${directory}/${type}-${bits ?? 0}`;
  const size = bits === undefined ? [] : ["-b", `${bits}`];
  await run("-q", "-t", type, ...size, "-N", "", "-f", key);
  const sign = async (namespace: string) => {
    const file = `${key}-${namespace}`;
    await Deno.writeFile(file, MESSAGE);
    await run("-q", "-Y", "sign", "-f", key, "-n", namespace, file);
    return await Deno.readTextFile(`${file}.sig`);
  };
  return { line: (await Deno.readTextFile(`${key}.pub`)).trim(), sign };
}

Deno.test("sshSignerOf() knows what ssh-keygen signs, by every type of key", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const kinds: [string, number?][] = [
      ["ed25519"],
      ["rsa", 2048],
      ["ecdsa", 256],
      ["ecdsa", 384],
      ["ecdsa", 521],
    ];
    for (const [type, bits] of kinds) {
      const { line, sign } = await signer(directory, type, bits);
      const signature = await sign("git");
      const signed = { message: MESSAGE, namespace: "git" };
      equal(sshSignerOf(signature, signed), parseSshPublicKey(line).fingerprint, type);
      const other = new TextEncoder().encode("tree 2\n\nmessage\n");
      equal(sshSignerOf(signature, { ...signed, message: other }), undefined, "another message");
      equal(sshSignerOf(signature, { ...signed, namespace: "file" }), undefined, "another use");
      equal(sshSignerOf(await sign("file"), signed), undefined, "a signature for files");
    }
    const weak = await signer(directory, "rsa", 1024);
    equal(
      sshSignerOf(await weak.sign("git"), { message: MESSAGE, namespace: "git" }),
      undefined,
      "a weak key",
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("sshSignerOf() takes no signature with another byte, whichever", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const { sign } = await signer(directory, "ed25519");
    const armoured = await sign("git");
    const [begin, ...rest] = armoured.trim().split("\n");
    const end = rest.pop();
    const bytes = Uint8Array.fromBase64(rest.join(""));
    const signed = { message: MESSAGE, namespace: "git" };
    for (let at = 0; at < bytes.length; at++) {
      const other = bytes.slice();
      other[at]! ^= 1;
      const text = `${begin}\n${other.toBase64()}\n${end}\n`;
      equal(sshSignerOf(text, signed), undefined, `byte ${at}`);
    }
    equal(sshSignerOf(`${begin}\n${bytes.slice(0, -1).toBase64()}\n${end}\n`, signed), undefined);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("sshSignerOf() answers whatever it is given", () => {
  const armour = (bytes: Uint8Array) =>
    `-----BEGIN SSH SIGNATURE-----\n${bytes.toBase64()}\n-----END SSH SIGNATURE-----\n`;
  const magic = new TextEncoder().encode("SSHSIG\0\0\0\x01");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const signed = { message: MESSAGE, namespace: "git" };
      equal(sshSignerOf(armour(bytes), signed), undefined);
      equal(sshSignerOf(armour(new Uint8Array([...magic, ...bytes])), signed), undefined);
    }),
    { numRuns: 300 },
  );
});
