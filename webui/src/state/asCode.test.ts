import { describe, expect, test } from "vitest";
import { type Call, Client } from "../api/client";
import { asCode, shellWord } from "./asCode";

const HOST = "https://host:8006";
const call = (key: string, params: Call["params"], form: FormData | null = null): Call => ({ key, params, form });

describe("shellWord", () => {
  test("plain words stay as they are, others are quoted", () => {
    expect(shellWord("local:iso/debian-13.iso,media=cdrom")).toBe("local:iso/debian-13.iso,media=cdrom");
    expect(shellWord("it's")).toBe("'it'\\''s'");
    expect(shellWord("")).toBe("''");
  });
});

describe("asCode", () => {
  test("a call with a place-holder for the token; what is in the path is not repeated", () => {
    const { curl, pvesh, leftOut } = asCode(
      call("POST /nodes/{node}/qemu/{vmid}/status/start", { node: "a", vmid: 100, timeout: 30, skiplock: true }),
      HOST,
    );
    expect(curl).toBe(
      "curl --request POST \\\n" +
        "  https://host:8006/api2/json/nodes/a/qemu/100/status/start \\\n" +
        "  --header 'Authorization: PVEAPIToken=USER@REALM!NAME=SECRET' \\\n" +
        "  --data-urlencode timeout=30 \\\n" +
        "  --data-urlencode skiplock=1",
    );
    expect(pvesh).toBe("pvesh create /nodes/a/qemu/100/status/start --timeout 30 --skiplock 1");
    expect(leftOut).toEqual([]);
  });

  test("the path is encoded in an address only; many options take a line each; lists repeat their name", () => {
    const key = "PUT /storage/{storage}/content/{volume}";
    const params = { storage: "s", volume: "s:iso/a b.iso", notes: "it's", delete: ["x", "y"] };
    const { curl, pvesh } = asCode(call(key, params), HOST);
    expect(curl).toContain("https://host:8006/api2/json/storage/s/content/s%3Aiso%2Fa%20b.iso ");
    expect(pvesh).toBe(
      "pvesh set '/storage/s/content/s:iso/a b.iso' \\\n  --notes 'it'\\''s' \\\n  --delete x \\\n  --delete y",
    );
  });

  test("a value with a dash in front is no option", () => {
    expect(asCode(call("PUT /x", { comment: "-1" }), HOST).pvesh).toBe("pvesh set /x --comment=-1");
  });

  test("secrets are left out, by the name of the parameter and by what was typed", () => {
    const params = { userid: "a@pve", password: "tOpSecret1", cipassword: "other", note: "typed" };
    const code = asCode(call("POST /access/users", params), HOST, ["typed"]);
    expect(`${code.curl}${code.pvesh}`).not.toMatch(/tOpSecret1|other|typed/);
    expect(code.leftOut).toEqual(["password", "cipassword", "note"]);
    expect(code.pvesh).toBe("pvesh create /access/users --userid a@pve");
  });

  test("an upload is a form, which pvesh cannot send", () => {
    const form = new FormData();
    form.append("content", "iso");
    form.append("filename", new File(["x"], 'odd "name";.iso'));
    const { curl, pvesh } = asCode(call("POST /nodes/{node}/upload", { node: "a" }, form), HOST);
    expect(curl).toContain("--form content=iso");
    expect(curl).toContain(`--form 'filename=@"odd \\"name\\";.iso"'`);
    expect(pvesh).toBeNull();
  });
});

describe("firstCall", () => {
  const sent: unknown[] = [];
  const client = new Client((input) => {
    sent.push(input);
    return Promise.reject(new Error("sent"));
  });

  test("tells the call without sending it, and nothing after it happens", async () => {
    let after = false;
    const order = async () => {
      try {
        await client.call("DELETE /access/roles/{roleid}", { roleid: "r" });
      } finally {
        after = true;
      }
    };
    expect(client.firstCall(order)).toEqual({
      key: "DELETE /access/roles/{roleid}",
      params: { roleid: "r" },
      form: null,
    });
    await new Promise((resolve) => setTimeout(resolve));
    expect([after, sent]).toEqual([false, []]);
  });

  test("an order that calls nothing, or cannot be put together, is no call; calls go out again afterwards", async () => {
    expect(client.firstCall(() => null)).toBeNull();
    expect(client.firstCall(() => Promise.reject(new Error("no")))).toBeNull();
    expect(
      client.firstCall(() => {
        throw new Error("no");
      }),
    ).toBeNull();
    await expect(client.call("GET /cluster/resources", {})).rejects.toThrow("sent");
    expect(sent).toHaveLength(1);
  });
});
