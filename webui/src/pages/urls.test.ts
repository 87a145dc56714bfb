import { expect, test } from "vitest";
import { guest, node, storage } from "../state/fixtures";
import { isDatacenter, resourceIdOfPath, resourceUrl, urls } from "./urls";

test("every resource has an address from which it is known again", () => {
  for (const resource of [node("a"), guest(100), guest(101, { kind: "lxc" }), storage("local-lvm")]) {
    expect(resourceIdOfPath(resourceUrl(resource))).toBe(resource.id);
  }
});

test("tabs belong to the same resource; other addresses to none", () => {
  expect(resourceIdOfPath(urls.guest(guest(100), "console"))).toBe("qemu/100");
  expect(resourceIdOfPath(urls.node("a", "tasks"))).toBe("node/a");
  for (const path of ["/", "/vms", "/tasks/UPID%3Aa", "/nope"]) expect(resourceIdOfPath(path)).toBeNull();
});

test("the views of the whole cluster are known as such", () => {
  for (const tab of ["summary", "cluster", "access"]) expect(isDatacenter(urls.datacenterTab(tab))).toBe(true);
  expect([urls.access("roles"), urls.welcome].map(isDatacenter)).toEqual([true, true]);
  for (const path of [urls.node("a"), "/datacentre", "/accessories"]) expect(isDatacenter(path)).toBe(false);
});
