/**
 * The one door to the server: the only file that calls `fetch` or opens an upload request.
 *
 * Wire conventions (the API's reference form): parameters in path, query (GET) or an urlencoded body (all others: what
 * stands in an address ends up in logs, and removing a second factor takes a password); booleans are 1/0; an answer is `{"data": …}`; an error has its real HTTP status, `message` and perhaps `errors` per parameter;
 * the reason phrase repeats the first line of the message, so it serves where the body is empty.
 */
import type { Methods } from "./schema";

export type MethodKey = keyof Methods;
export type Params<K extends MethodKey> = Methods[K]["params"];
export type Returns<K extends MethodKey> = Methods[K]["returns"];

/** A refused or failed call. `status` 0 means that no answer came; `errors` maps parameter names to texts. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly errors: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** The server (or the proxy before it) is not there at all: worth trying again by itself. */
  get offline(): boolean {
    return this.status === 0 || (this.status >= 502 && this.status <= 504);
  }
}

export interface Answer<T> {
  data: T;
  /** Number of entries on the server, on methods that page. */
  total: number | undefined;
  /** A difference that waits to be applied, on methods that tell it. */
  changes: string | undefined;
}

interface Request {
  method: string;
  url: string;
  body: URLSearchParams | undefined;
}

/** A call before it is put into a request. */
export interface Call {
  key: string;
  params: Readonly<Record<string, unknown>>;
  /** Of an upload. */
  form: FormData | null;
}

export interface CallParts {
  method: string;
  /** Below the API's root. */
  path: string;
  /** What is not in the path; lists repeat their name. */
  fields: readonly (readonly [string, string])[];
}

export const BASE = "/api2/json";
/** A network that swallows packets refuses nothing: without a limit an outage would go unnoticed. */
const READ_TIMEOUT_MS = 15_000;
const WRITE_TIMEOUT_MS = 60_000;

function encodeValue(value: unknown): string {
  return typeof value === "boolean" ? (value ? "1" : "0") : String(value);
}

/** Fill `{name}` in the path from the parameters, written by `inPath`; the others are fields; undefined is left out. */
export function takeApart(
  key: string,
  params: Readonly<Record<string, unknown>>,
  inPath: (value: string) => string,
): CallParts {
  const [method = "", template = ""] = key.split(" ");
  const rest = new Map(Object.entries(params).filter(([, value]) => value !== undefined));
  const path = template.replace(/\{([^}]+)\}/g, (_match, name: string) => {
    const value = rest.get(name);
    if (value === undefined) throw new TypeError(`${key}: parameter ${name} is missing`);
    rest.delete(name);
    return inPath(encodeValue(value));
  });
  const fields = [...rest].flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((item): [string, string] => [name, encodeValue(item)]),
  );
  return { method, path, fields };
}

/** Fields go into the query (GET) or the body. */
export function buildRequest(key: string, params: Readonly<Record<string, unknown>>): Request {
  const { method, path, fields } = takeApart(key, params, encodeURIComponent);
  const encoded = new URLSearchParams(fields.map(([name, value]) => [name, value]));
  if (method !== "GET") return { method, url: BASE + path, body: encoded };
  const query = encoded.toString();
  return { method, url: BASE + path + (query ? `?${query}` : ""), body: undefined };
}

/** Status, reason phrase and body text of a failed call -> ApiError. Body may be empty or not JSON (proxy pages). */
export function parseError(status: number, reason: string, body: string): ApiError {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    parsed = undefined;
  }
  const { message, errors } = (parsed ?? {}) as { message?: unknown; errors?: unknown };
  const text = (typeof message === "string" && message.trim()) || reason || `HTTP ${status}`;
  const fields: Record<string, string> = {};
  if (errors && typeof errors === "object") {
    for (const [name, value] of Object.entries(errors)) fields[name] = String(value).replaceAll("\\n", "\n").trim();
  }
  return new ApiError(status, text, fields);
}

export interface UploadOptions {
  onProgress?: (fraction: number) => void;
  signal?: AbortSignal;
}

export class Client {
  /** Sent with every call that changes something; set by the session. */
  csrfToken = "";
  /** Told when the server no longer accepts the ticket. */
  onUnauthorized: () => void = () => undefined;

  /** While an order is only looked at: its first call. */
  private watched: { call: Call | null } | null = null;

  constructor(private readonly send: typeof fetch = (input, init) => fetch(input, init)) {}

  /**
   * The call that an order begins with; it is not sent. The order stands still at it for good, so nothing that it does
   * afterwards happens. null where it calls nothing before its first pause.
   */
  firstCall(order: () => unknown): Call | null {
    const watched: { call: Call | null } = { call: null };
    this.watched = watched;
    try {
      void Promise.resolve(order()).catch(() => undefined); // an order that cannot be put together is no call
    } catch {
      return null;
    } finally {
      this.watched = null;
    }
    return watched.call;
  }

  private watch(call: Call): boolean {
    if (this.watched) this.watched.call ??= call;
    return this.watched !== null;
  }

  async call<K extends MethodKey>(key: K, params: Params<K>): Promise<Returns<K>> {
    return (await this.callPage(key, params)).data;
  }

  /** As `call`, with the total of a paged list. */
  async callPage<K extends MethodKey>(key: K, params: Params<K>): Promise<Answer<Returns<K>>> {
    if (this.watch({ key, params, form: null })) return new Promise(() => undefined);
    const request = buildRequest(key, params);
    const headers: Record<string, string> = { Accept: "application/json" };
    if (request.method !== "GET") headers["CSRFPreventionToken"] = this.csrfToken;
    let response: Response;
    let text: string;
    try {
      response = await this.send(request.url, {
        method: request.method,
        headers,
        body: request.body ?? null,
        credentials: "same-origin",
        cache: "no-store",
        signal: AbortSignal.timeout(request.method === "GET" ? READ_TIMEOUT_MS : WRITE_TIMEOUT_MS),
      });
      text = await response.text();
    } catch (error) {
      throw new ApiError(0, error instanceof Error ? error.message : String(error));
    }
    if (!response.ok) throw this.refused(key, parseError(response.status, response.statusText, text));
    const body = JSON.parse(text) as { data: Returns<K>; total?: number | string; changes?: string };
    const total = body.total === undefined ? undefined : Number(body.total);
    return { data: body.data, total, changes: body.changes };
  }

  /** POST a form with a file. `fetch` cannot report upload progress, so this is the one XMLHttpRequest. */
  upload<K extends MethodKey>(
    key: K,
    params: Readonly<Record<string, string>>,
    form: FormData,
    options: UploadOptions,
  ): Promise<Returns<K>> {
    if (this.watch({ key, params, form })) return new Promise(() => undefined);
    const request = buildRequest(key, params);
    return new Promise<Returns<K>>((resolve, reject) => {
      const xhr = new XMLHttpRequest();
      xhr.open(request.method, request.url);
      xhr.setRequestHeader("CSRFPreventionToken", this.csrfToken);
      xhr.upload.onprogress = (event) => {
        if (event.lengthComputable && event.total > 0) options.onProgress?.(event.loaded / event.total);
      };
      xhr.onload = () => {
        if (xhr.status >= 200 && xhr.status < 300) {
          resolve((JSON.parse(xhr.responseText) as { data: Returns<K> }).data);
        } else {
          reject(this.refused(key, parseError(xhr.status, xhr.statusText, xhr.responseText)));
        }
      };
      xhr.onerror = () => reject(new ApiError(0, "upload failed"));
      xhr.onabort = () => reject(new DOMException("upload aborted", "AbortError"));
      options.signal?.addEventListener("abort", () => xhr.abort());
      xhr.send(form);
    });
  }

  /** A 401 ends the session, except on the log-in call itself, where it means a wrong password. */
  private refused(key: MethodKey, error: ApiError): ApiError {
    if (error.status === 401 && key !== "POST /access/ticket") this.onUnauthorized();
    return error;
  }
}

export const client = new Client();
