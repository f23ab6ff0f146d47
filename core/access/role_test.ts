import assert from "node:assert/strict";
import {
  greatestRole,
  type Role,
  roleIncludes,
  roleOfScopes,
  ROLES,
  smallerRole,
  VISIBILITIES,
} from "./role.ts";

const ALL: readonly (Role | undefined)[] = [undefined, ...ROLES];

Deno.test("roleIncludes() orders the roles and gives nobody anything", () => {
  assert.deepEqual(ALL.map((role) => ROLES.map((needed) => roleIncludes(role, needed))), [
    [false, false, false],
    [true, false, false],
    [true, true, false],
    [true, true, true],
  ]);
});

Deno.test("greatestRole() and smallerRole() choose by that order", () => {
  for (const [i, one] of ALL.entries()) {
    for (const [j, other] of ALL.entries()) {
      assert.equal(greatestRole([one, other]), ALL[Math.max(i, j)]);
      assert.equal(smallerRole(one, other), ALL[Math.min(i, j)]);
    }
  }
  assert.equal(greatestRole([]), undefined);
});

Deno.test("roleOfScopes() takes the greatest scope of repositories alone", () => {
  assert.equal(roleOfScopes([]), undefined);
  assert.equal(roleOfScopes(["account", "server"]), undefined);
  assert.equal(roleOfScopes(["account", "repository:read"]), "read");
  assert.equal(roleOfScopes(["repository:write", "repository:read"]), "write");
  assert.equal(roleOfScopes(["repository:admin"]), "admin");
});

Deno.test("VISIBILITIES go from everybody to nobody", () => {
  assert.deepEqual(VISIBILITIES, ["public", "internal", "private"]);
});
