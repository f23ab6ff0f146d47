import { equal } from "node:assert/strict";
import { commitSignature } from "./commit_signature.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (payload: Uint8Array | undefined) => payload && new TextDecoder().decode(payload);

Deno.test("commitSignature() parts a signature from what was signed", () => {
  const commit = bytes(
    "tree 1\nauthor A <a> 1 +0000\ngpgsig -----BEGIN\n line\n -----END\nencoding x\n\ngpgsig no\n",
  );
  const found = commitSignature(commit, "sha1");
  equal(found?.signature, "-----BEGIN\nline\n-----END\n");
  equal(textOf(found?.payload), "tree 1\nauthor A <a> 1 +0000\nencoding x\n\ngpgsig no\n");
});

Deno.test("commitSignature() takes the header of the format, and leaves out the other", () => {
  const commit = bytes(
    "tree 1\ngpgsig one\n more\ngpgsig-sha256 two\n rest\nmergetag x\n y\n\nm\n",
  );
  const sha1 = commitSignature(commit, "sha1");
  const sha256 = commitSignature(commit, "sha256");
  equal(sha1?.signature, "one\nmore\n");
  equal(sha256?.signature, "two\nrest\n");
  equal(textOf(sha1?.payload), "tree 1\nmergetag x\n y\n\nm\n");
  equal(textOf(sha256?.payload), textOf(sha1?.payload));
});

Deno.test("commitSignature() finds none in a commit without, even in its message", () => {
  for (const text of ["tree 1\n\ngpgsig x\n", "tree 1\n\n", "tree 1", ""]) {
    equal(commitSignature(bytes(text), "sha1"), undefined);
  }
});
