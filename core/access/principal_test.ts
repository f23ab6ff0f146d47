import assert from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError, hasCode } from "../error.ts";
import { parseRepositoryName } from "../rpc/repository/repository_name.ts";
import { ANONYMOUS, parseAccountName } from "./principal.ts";

/** Any UTF-16, well-formed or not. */
const anyText = (lengthMax: number) =>
  fc.array(fc.oneof(fc.nat({ max: 0x7f }), fc.nat({ max: 0xffff })), { maxLength: lengthMax })
    .map((units) => String.fromCharCode(...units));

Deno.test("parseAccountName() takes what may own a repository", () => {
  for (const good of ["alice", "Alice", "a-b_c.d", "x"]) assert.equal(parseAccountName(good), good);
  for (const bad of ["", "a/b", "api", "API", ".", "..", "-a", "a.git", "a b", "a\n", "ä", "/"]) {
    assert.throws(() => parseAccountName(bad), (error) => hasCode(error, "invalid"), bad);
  }
  assert.equal(ANONYMOUS.kind, "anonymous");
});

Deno.test("parseAccountName() answers or refuses whatever it is given", () => {
  fc.assert(fc.property(anyText(120), (text) => {
    try {
      const name = parseAccountName(text);
      assert.equal(parseRepositoryName(`${name}/r`), `${text}/r`);
    } catch (error) {
      assert.ok(error instanceof GitStratumError && error.code === "invalid");
    }
  }));
});
