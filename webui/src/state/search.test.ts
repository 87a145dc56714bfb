import { expect, test } from "vitest";
import { guest, storage } from "./fixtures";
import { findPlaces, type Place, wordsOf } from "./search";

const places: Place<string>[] = [
  { what: "mailbox", words: ["104", "mailbox", "prod"] },
  { what: "mail", words: ["103", "mail"] },
  { what: "old-mail", words: ["1030", "old-mail", "prod"] },
  { what: "view", words: ["Users and permissions"] },
];

test.each([
  ["mail", ["mail", "mailbox", "old-mail"]],
  ["103", ["mail", "old-mail"]],
  ["PROD mail", ["mailbox", "old-mail"]],
  ["permissions users", ["view"]],
  ["nothing", []],
  ["  ", []],
])("'%s' finds %o", (search, expected) => expect(findPlaces(places, search, 9)).toEqual(expected));

test("not more than can be shown", () => expect(findPlaces(places, "m", 2)).toHaveLength(2));

test("a guest is found by id, name, tags and node; a storage by its node too", () => {
  expect(wordsOf(guest(100, { name: "web", tags: ["prod"] }))).toEqual(["100", "web", "prod", "a"]);
  expect(wordsOf(storage("local"))).toEqual(["local", "a", "dir"]);
});
