/**
 * Objects as they really occur: ids never change, whatever the bytes.
 */

import assert from "node:assert/strict";
import { assertSameRepository } from "./harness/compare.ts";
import { git, gitText } from "./harness/git.ts";
import { initRepository } from "./harness/history.ts";
import { startServer } from "./harness/server.ts";
import { temporaryDirectory } from "./harness/temp.ts";

const encoder = new TextEncoder();

async function writeObject(
  repository: string,
  type: string,
  content: Uint8Array | string,
): Promise<string> {
  return await gitText(
    ["-C", repository, "hash-object", "-t", type, "-w", "--stdin", "--literally"],
    { stdin: content },
  );
}

function treeEntry(mode: string, name: string, oid: string): Uint8Array {
  return new Uint8Array([...encoder.encode(`${mode} ${name}\0`), ...Uint8Array.fromHex(oid)]);
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

const PERSON = "A U Thor <author@example.com> 1700000000 +0000";

for (const objectFormat of ["sha1", "sha256"] as const) {
  Deno.test(`odd commits, trees and tags keep their ids (${objectFormat})`, async () => {
    await using temp = await temporaryDirectory();
    await using server = await startServer();
    const source = await initRepository(temp.join("source.git"), { bare: true, objectFormat });
    const blob = await writeObject(source, "blob", "content\n");
    const gitlink = "12".repeat(objectFormat === "sha1" ? 20 : 32);
    const tree = await writeObject(
      source,
      "tree",
      concat(
        treeEntry("100664", "group-writable", blob),
        treeEntry("120000", "link", blob),
        treeEntry("160000", "submodule", gitlink),
        treeEntry("100755", "tool", blob),
      ),
    );
    const empty = await writeObject(source, "tree", "");
    const gpgsig =
      "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQEz\n =abcd\n -----END PGP SIGNATURE-----";
    const commits = {
      "no-newline": `tree ${tree}\nauthor ${PERSON}\ncommitter ${PERSON}\n\nno newline at the end`,
      "no-message": `tree ${empty}\nauthor ${PERSON}\ncommitter ${PERSON}\n\n`,
      "signed": `tree ${tree}\nauthor ${PERSON}\ncommitter ${PERSON}\n${gpgsig}\n\nsigned\n`,
      "extra":
        `tree ${tree}\nauthor ${PERSON}\ncommitter ${PERSON}\nHG:extra rebase_source\nx-own y\n\nx\n`,
      "bad-zone": `tree ${tree}\nauthor ${
        PERSON.replace("+0000", "+051800")
      }\ncommitter ${PERSON}\n\nzone\n`,
    };
    for (const [name, content] of Object.entries(commits)) {
      const oid = await writeObject(source, "commit", content);
      await git(["-C", source, "update-ref", `refs/heads/${name}`, oid]);
    }
    const latin = concat(
      encoder.encode(
        `tree ${tree}\nauthor ${PERSON}\ncommitter ${PERSON}\nencoding ISO-8859-1\n\n`,
      ),
      new Uint8Array([0x4d, 0xfc, 0x6c, 0x6c, 0x65, 0x72, 0x0a]),
    );
    const oid = await writeObject(source, "commit", latin);
    await git(["-C", source, "update-ref", "refs/heads/latin", oid]);
    const tag = await writeObject(
      source,
      "tag",
      `object ${oid}\ntype commit\ntag odd\ntagger ${PERSON}\n\nno newline in this tag`,
    );
    await git(["-C", source, "update-ref", "refs/tags/odd", tag]);
    await server.createRepository("odd/objects", { objectFormat });
    const url = server.url("odd/objects");
    await git(["-C", source, "push", "-q", "--mirror", url]);
    const copy = temp.join("copy.git");
    await git(["clone", "-q", "--mirror", url, copy]);
    assert.equal(
      await gitText(["-C", copy, "config", "--default=sha1", "extensions.objectformat"]),
      objectFormat,
    );
    await assertSameRepository(copy, source);
  });
}
