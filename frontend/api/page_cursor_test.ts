import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode, SeededRandom } from "@gitstratum/core";
import { PageCursors } from "./page_cursor.ts";

const random = () => new SeededRandom(7);

Deno.test("PageCursors.open() finds what seal() hid, also with an older secret", () => {
  const old = new PageCursors({ secrets: ["old"], random: random() });
  const both = new PageCursors({ secrets: ["new", "old"], random: random() });
  for (const place of ["", "acme/one", "ä".repeat(100), `${"o".repeat(100)}/${"n".repeat(100)}`]) {
    assert.equal(both.open("repos", old.seal("repos", place)), place);
    assert.equal(both.open("repos", both.seal("repos", place)), place);
  }
});

Deno.test("PageCursors.seal() shows neither the place nor its length", () => {
  const cursors = new PageCursors({ secrets: ["secret"], random: random() });
  const [one, other] = [cursors.seal("repos", "a/b"), cursors.seal("repos", "acme/secret-project")];
  assert.equal(one.length, other.length);
  assert.doesNotMatch(atob(other.replaceAll("-", "+").replaceAll("_", "/")), /acme|secret/);
  assert.notEqual(cursors.seal("repos", "a/b"), one);
});

Deno.test("PageCursors.open() refuses what was sealed elsewhere, changed or never sealed", () => {
  const cursors = new PageCursors({ secrets: ["secret"], random: random() });
  const sealed = cursors.seal("repos", "a/b");
  const stranger = new PageCursors({ secrets: ["other"], random: random() });
  const texts = [
    ["users", sealed],
    ["repos", stranger.seal("repos", "a/b")],
    ["repos", `${sealed.slice(0, 20)}${sealed[20] === "A" ? "B" : "A"}${sealed.slice(21)}`],
    ["repos", sealed.slice(0, -4)],
    ["repos", ".."],
    ["repos", ""],
  ] as const;
  for (const [listing, text] of texts) {
    assert.throws(() => cursors.open(listing, text), (error) => hasCode(error, "invalid"), text);
  }
});

Deno.test("PageCursors.open() refuses whatever else it is given", () => {
  const cursors = new PageCursors({ secrets: ["secret"], random: random() });
  const refused = (error: unknown) => hasCode(error, "invalid");
  fc.assert(fc.property(fc.oneof(fc.string(), fc.base64String({ maxLength: 500 })), (text) => {
    assert.throws(() => cursors.open("repos", text), refused);
  }));
  const sealed = cursors.seal("repos", "a/b");
  // The last character has bits to spare.
  fc.assert(fc.property(fc.nat(sealed.length - 2), fc.constantFrom(..."AZaz09-_"), (at, other) => {
    const changed = `${sealed.slice(0, at)}${other}${sealed.slice(at + 1)}`;
    if (changed !== sealed) assert.throws(() => cursors.open("repos", changed), refused);
  }));
});
