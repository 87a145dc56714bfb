import { expect, test } from "vitest";
import { limits } from "../api/limits";
import { REALM_TYPES, realmChange, realmValues } from "./realmTypes";

const KEPT = { server1: "a.example", base_dn: "dc=a", user_attr: "uid", filter: "(x=y)", verify: "1", comment: "old" };

test("of a new realm, what is filled in is sent", () => {
  const values = {
    ...realmValues("openid", {}),
    "issuer-url": " https://id.example ",
    "client-id": "we",
    autocreate: "1",
  };
  expect(realmChange("openid", {}, values)).toEqual({
    set: { "issuer-url": "https://id.example", "client-id": "we", autocreate: "1" },
    remove: [],
  });
});

test("of one that exists, what differs; what has no field stays, and so does a secret that is left empty", () => {
  const values = { ...realmValues("ldap", KEPT), comment: "", verify: "", server2: "b.example" };
  expect(realmChange("ldap", KEPT, values)).toEqual({ set: { server2: "b.example" }, remove: ["verify", "comment"] });
  const typed = { ...realmValues("ldap", KEPT), password: " s " };
  expect(realmChange("ldap", KEPT, typed)).toEqual({ set: { password: " s " }, remove: [] });
});

test("a second factor is asked for by an option with words of its own, which stay while the box does", () => {
  expect(realmChange("pve", {}, { ...realmValues("pve", {}), tfa: "1" })).toEqual({
    set: { tfa: "type=oath" },
    remove: [],
  });
  const kept = { tfa: "type=oath,digits=8" };
  expect(realmValues("pve", kept)["tfa"]).toBe("1");
  expect(realmChange("pve", kept, realmValues("pve", kept))).toEqual({ set: {}, remove: [] });
  expect(realmChange("pve", kept, { ...realmValues("pve", kept), tfa: "" })).toEqual({ set: {}, remove: ["tfa"] });
  expect(realmValues("openid", {})).not.toHaveProperty("tfa");
});

test("the server has the same kinds", () => {
  const served = limits["POST /access/domains"]?.["type"]?.enum ?? [];
  expect([...served].sort()).toEqual(Object.keys(REALM_TYPES).sort());
});
