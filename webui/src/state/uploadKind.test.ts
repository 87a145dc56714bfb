import { expect, test } from "vitest";
import { fileNameOf, unpacked } from "./uploadKind";

test.each([
  ["https://example.org/images/debian-13.iso?mirror=1#top", "debian-13.iso"],
  ["https://example.org/a%20b.qcow2", "a b.qcow2"],
  ["https://example.org/%E0%A4%A", ""],
  ["https://example.org/", ""],
  ["example.org/a.iso", ""],
  ["", ""],
])("%s names the file '%s'", (url, name) => expect(fileNameOf(url)).toBe(name));

test.each([
  ["a.iso.gz", { name: "a.iso", compression: "gz" }],
  ["a.img.zst", { name: "a.img", compression: "zst" }],
  ["a.tar.gz", { name: "a.tar.gz", compression: "" }],
  ["a.iso", { name: "a.iso", compression: "" }],
])("%s is unpacked as %o", (name, expected) => expect(unpacked(name)).toEqual(expected));
