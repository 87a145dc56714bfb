import { afterEach, describe, expect, test, vi } from "vitest";
import { client } from "./client";
import { getTaskLog, taskFromWire, taskState } from "./tasks";
import { parseUpid } from "./upid";
import { Fields } from "./wire";

const UPID = "UPID:pve1:00004A65:00075C9C:6B002DF2:qmstart:100:root@pam:";

describe("parseUpid", () => {
  test("reads all parts", () => {
    expect(parseUpid(UPID)).toEqual({
      node: "pve1",
      pid: 0x4a65,
      pstart: 0x75c9c,
      startS: 0x6b002df2,
      type: "qmstart",
      id: "100",
      user: "root@pam",
    });
  });

  test("takes an empty id, a nine-digit process start and a token as user", () => {
    const upid = parseUpid("UPID:n:00000001:100075C9C:6B002DF2:imgcopy::u@pve!t:");
    expect(upid).toMatchObject({ id: "", pstart: 0x100075c9c, user: "u@pve!t" });
  });

  test("refuses what is none", () => {
    for (const text of ["", "UPID:a", UPID.slice(0, -1), UPID.replace("6B002DF2", "XYZ")]) {
      expect(parseUpid(text)).toBeNull();
    }
  });
});

describe("states", () => {
  test.each([
    ["", "running"],
    ["RUNNING", "running"],
    ["running", "running"],
    ["OK", "ok"],
    ["WARNINGS: 2", "warnings"],
    ["unexpected status", "error"],
    ["start failed", "error"],
  ])("%s is %s", (status, state) => expect(taskState(status)).toBe(state));

  test("an end without a word is an error, not a running task", () => {
    expect(taskFromWire(new Fields({ upid: UPID, endtime: 5 }))).toMatchObject({ state: "error", endS: 5 });
    expect(taskFromWire(new Fields({ upid: UPID }))).toMatchObject({
      state: "running",
      endS: null,
      status: "",
      startS: 0x6b002df2,
    });
  });
});

describe("getTaskLog", () => {
  afterEach(() => vi.restoreAllMocks());
  const serve = (log: string[], page: number) =>
    vi.spyOn(client, "callPage").mockImplementation((_key, params) => {
      const { start } = params as unknown as { start: number };
      const data = log.slice(start, start + page).map((t, i) => ({ n: String(start + i + 1), t }));
      return Promise.resolve({ data, total: log.length }) as never;
    });

  test("asks only for what is new, until nothing is left", async () => {
    const calls = serve(["a", "b", "c", "d", "e"], 2);
    expect((await getTaskLog(UPID, 1)).map(({ text }) => text)).toEqual(["b", "c", "d", "e"]);
    expect(calls).toHaveBeenCalledTimes(2);
    expect(await getTaskLog(UPID, 5)).toEqual([]);
  });

  test("the line that stands for an empty log is none", async () => {
    serve(["no content"], 50);
    expect(await getTaskLog(UPID, 0)).toEqual([]);
  });
});
