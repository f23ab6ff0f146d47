/** Signed pushes: certificates with a nonce. */

import assert from "node:assert/strict";
import type { CaseContext } from "./case_context.ts";
import { joinBytes, pktLine } from "../harness/raw_pack.ts";
import { conformance } from "./conformance.ts";
import { converse, pushBody, splitAnswer } from "./raw_conversation.ts";

/** Flags that sign with an SSH key of the case's own. */
async function signing(context: CaseContext): Promise<string[]> {
  const key = context.temp.join("signing-key");
  const { success } = await new Deno.Command("ssh-keygen", {
    args: ["-q", "-t", "ed25519", "-N", "", "-C", "signer", "-f", key],
  }).output();
  assert.ok(success, "ssh-keygen makes a key");
  return ["-c", "gpg.format=ssh", "-c", `user.signingKey=${key}.pub`];
}

conformance("signed pushes", {
  "a nonce is advertised, and differs between repositories": async (context) => {
    const nonces = new Set<string | undefined>();
    for (const repository of [await context.seeded(), await context.seeded()]) {
      const packets = await context.packets(
        ["-C", repository.work, "push", "origin", "main:refs/heads/nonce"],
      );
      const nonce = /push-cert=([!-~]+)/.exec(packets)?.[1];
      assert.match(nonce ?? "", /^\d+-[0-9a-f]{40}$/);
      nonces.add(nonce);
    }
    assert.equal(nonces.size, 2);
  },
  "a signed push is taken": async (context) => {
    const repository = await context.seeded();
    const tip = await context.commit(repository.work, "signed.txt");
    const flags = [...await signing(context), "push", "--signed=true", "origin", "main"];
    const packets = await context.packets(["-C", repository.work, ...flags]);
    assert.match(packets, /> push-cert/);
    assert.match(packets, /> nonce \d+-/);
    assert.equal(await context.remoteOid(repository, "refs/heads/main"), tip);
  },
  "a signed push of several commands with options": async (context) => {
    const repository = await context.seeded();
    await context.commit(repository.work, "signed.txt");
    const flags = [
      ...await signing(context),
      "push",
      "-q",
      "--signed=true",
      "-o",
      "one",
      "--atomic",
    ];
    await context.git(
      ["-C", repository.work, ...flags, "origin", "main", "main:one", "main:refs/tags/t"],
    );
    assert.ok(await context.remoteOid(repository, "refs/heads/one"));
    assert.ok(await context.remoteOid(repository, "refs/tags/t"));
  },
  "a signed push that breaks a rule is refused like any other": async (context) => {
    const repository = await context.seeded();
    const flags = [...await signing(context), "push", "--signed=true", "origin", ":main"];
    await context.refused(
      ["-C", repository.work, ...flags],
      /deletion of the current branch prohibited/,
    );
  },
  "a certificate with a nonce of nobody's is refused": async (context) => {
    const repository = await context.seeded();
    const tip = await context.text(["-C", repository.work, "rev-parse", "HEAD"]);
    const command = `${context.zeroOid} ${tip} refs/heads/forged`;
    const capabilities = `report-status object-format=${context.objectFormat}`;
    const certificate = [
      `push-cert\0 ${capabilities}`,
      "certificate version 0.1\n",
      "pusher A U Thor <author@example.com> 1700000000 +0000\n",
      `nonce 1700000000-${"ab".repeat(20)}\n`,
      "\n",
      `${command}\n`,
      "-----BEGIN SSH SIGNATURE-----\n",
      "-----END SSH SIGNATURE-----\n",
      "push-cert-end\n",
    ];
    const plain = pushBody(context, { commands: [command], capabilities: "report-status" });
    const pack = plain.subarray(new TextDecoder("latin1").decode(plain).indexOf("PACK"));
    const body = joinBytes(certificate.map(pktLine).join(""), "0000", pack);
    const answer = await converse(context, repository, { service: "git-receive-pack", body });
    assert.match(splitAnswer(answer).lines.join("\n"), /nonce/);
    assert.equal(await context.remoteOid(repository, "refs/heads/forged"), undefined);
  },
  "--signed=if-asked signs, --no-signed does not": async (context) => {
    const repository = await context.seeded();
    const asked = [...await signing(context), "push", "--signed=if-asked", "origin", "main:asked"];
    assert.match(await context.packets(["-C", repository.work, ...asked]), /> push-cert/);
    const plain = ["push", "--no-signed", "origin", "main:plain"];
    assert.doesNotMatch(await context.packets(["-C", repository.work, ...plain]), /> push-cert/);
  },
}, { ownOnly: true });
