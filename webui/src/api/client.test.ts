import { describe, expect, test, vi } from "vitest";
import { ApiError, buildRequest, Client, parseError } from "./client";

describe("buildRequest", () => {
  test("fills the path, percent-encoded, and puts the rest into the query of a GET", () => {
    const key = "GET /nodes/{node}/storage/{storage}/content";
    expect(buildRequest(key, { node: "a", storage: "s/1", content: "iso", vmid: undefined })).toEqual({
      method: "GET",
      url: "/api2/json/nodes/a/storage/s%2F1/content?content=iso",
      body: undefined,
    });
  });

  test("sends a body with POST; booleans are 1 and 0, lists repeat their key", () => {
    const { url, body } = buildRequest("POST /x/{vmid}", { vmid: 100, start: true, acpi: false, ids: ["a", "b"] });
    expect(url).toBe("/api2/json/x/100");
    expect(body?.toString()).toBe("start=1&acpi=0&ids=a&ids=b");
  });

  test("DELETE carries its parameters in a body: addresses are logged", () => {
    const { url, body } = buildRequest("DELETE /x/{vmid}", { vmid: 1, password: "p" });
    expect([url, body?.toString()]).toEqual(["/api2/json/x/1", "password=p"]);
  });

  test("a missing path parameter is a mistake of the program", () => {
    expect(() => buildRequest("GET /nodes/{node}", {})).toThrow("parameter node is missing");
  });
});

describe("parseError", () => {
  test("takes message and errors of the body", () => {
    const body = JSON.stringify({
      data: null,
      message: "Parameter verification failed.\n",
      errors: { net0: "invalid format - format error\\nnet0.model: nothing\n" },
    });
    const error = parseError(400, "Parameter verification failed.", body);
    expect(error.message).toBe("Parameter verification failed.");
    expect(error.errors).toEqual({ net0: "invalid format - format error\nnet0.model: nothing" });
    expect(error.offline).toBe(false);
  });

  test("falls back to the reason phrase, then to the status", () => {
    expect(parseError(401, "No ticket", "").message).toBe("No ticket");
    expect(parseError(502, "", "<html>").message).toBe("HTTP 502");
    expect(parseError(502, "", "<html>").offline).toBe(true);
    expect(parseError(595, "no route to host", "").offline).toBe(false);
  });
});

describe("Client", () => {
  const answering = (status: number, body: unknown, reason = "") =>
    vi.fn(() => Promise.resolve(new Response(JSON.stringify(body), { status, statusText: reason })));

  test("returns data and total", async () => {
    const client = new Client(answering(200, { data: [], total: "7" }));
    expect(await client.callPage("GET /nodes/{node}/tasks", { node: "a" })).toEqual({ data: [], total: 7 });
  });

  test("sends the CSRF token with changes only", async () => {
    const send = answering(200, { data: "UPID" });
    const client = new Client(send as unknown as typeof fetch);
    client.csrfToken = "token";
    await client.call("GET /cluster/nextid", {});
    await client.call("POST /nodes/{node}/qemu/{vmid}/status/start", { node: "a", vmid: 1 });
    const headers = send.mock.calls.map((call) => (call as unknown as [string, RequestInit])[1].headers);
    expect(headers[0]).not.toHaveProperty("CSRFPreventionToken");
    expect(headers[1]).toHaveProperty("CSRFPreventionToken", "token");
  });

  test("tells of a refused ticket, but not of a wrong password", async () => {
    const client = new Client(answering(401, { message: "authentication failure\n" }));
    client.onUnauthorized = vi.fn();
    await expect(client.call("POST /access/ticket", { username: "u", password: "p" })).rejects.toMatchObject({
      status: 401,
      message: "authentication failure",
    });
    expect(client.onUnauthorized).not.toHaveBeenCalled();
    await expect(client.call("GET /cluster/nextid", {})).rejects.toBeInstanceOf(ApiError);
    expect(client.onUnauthorized).toHaveBeenCalledOnce();
  });

  test("no answer at all is an offline error", async () => {
    const client = new Client(() => Promise.reject(new TypeError("Failed to fetch")));
    await expect(client.call("GET /cluster/nextid", {})).rejects.toMatchObject({ status: 0, offline: true });
  });
});
