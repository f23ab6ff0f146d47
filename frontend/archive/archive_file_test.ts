import { deepEqual, equal, match } from "node:assert/strict";
import fc from "fast-check";
import { parseRepositoryName } from "@gitstratum/core/rpc";
import { archiveBaseName, parseArchiveFile } from "./archive_file.ts";

const NAME = parseRepositoryName("acme/project.x");

Deno.test("parseArchiveFile() takes any name apart at its ending", () => {
  deepEqual(parseArchiveFile("main.tar.gz"), { treeish: "main", format: "tar.gz" });
  deepEqual(parseArchiveFile("v1.0.zip"), { treeish: "v1.0", format: "zip" });
  deepEqual(parseArchiveFile("refs/heads/a/b.tar.tar"), {
    treeish: "refs/heads/a/b.tar",
    format: "tar",
  });
  for (const text of ["", "main", ".zip", "main.tar.bz2", "main.gz", "main.ZIP"]) {
    equal(parseArchiveFile(text), undefined, text);
  }
});

Deno.test("archiveBaseName() drops what a reference name begins with", () => {
  equal(archiveBaseName(NAME, "refs/tags/v1.0"), "project.x-v1.0");
  equal(archiveBaseName(NAME, "feature/x y"), "project.x-feature-x-y");
  equal(archiveBaseName(NAME, "main:docs"), "project.x-main-docs");
});

Deno.test("archiveBaseName() is harmless whatever is asked for", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), (treeish) => {
    match(archiveBaseName(NAME, treeish), /^project\.x-[A-Za-z0-9._+-]{0,120}$/);
  }));
});
