/** The call of a dialog for a shell: as `curl` with an API token, and as `pvesh` on a host. Both are written from the call itself. */
import { BASE, type Call, type CallParts, takeApart } from "../api/client";

/** Parameters that are secrets wherever they occur: passwords, the word of a join token, the seeds of second factors. */
const SECRET = /password$|^token$|^keys$/;
const TOKEN = "Authorization: PVEAPIToken=USER@REALM!NAME=SECRET";
const PVESH_WORDS: Readonly<Record<string, string>> = { GET: "get", POST: "create", PUT: "set", DELETE: "delete" };
/** Between the parts of a command that has many. */
const NEXT = " \\\n  ";
const MANY = 2;

export interface Code {
  curl: string;
  /** null where `pvesh` cannot do it. */
  pvesh: string | null;
  /** Names of the parameters that are secrets and were left out. */
  leftOut: readonly string[];
}

/** One word of a POSIX shell that is exactly this text. */
export function shellWord(text: string): string {
  return /^[\w@%+:,./-][\w@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** `secrets`: texts that must not be shown, whatever parameter they are in. `origin`: scheme, host and port. */
export function asCode(call: Call, origin: string, secrets: readonly string[] = []): Code {
  const parts = takeApart(call.key, call.params, encodeURIComponent);
  const hidden = ([name, value]: readonly [string, string]) => SECRET.test(name) || secrets.includes(value);
  const fields = parts.fields.filter((field) => !hidden(field));
  const plain = takeApart(call.key, call.params, (value) => value).path;
  return {
    curl: curl({ ...parts, fields }, origin, call.form),
    pvesh: call.form ? null : pvesh({ ...parts, path: plain, fields }),
    leftOut: parts.fields.filter(hidden).map(([name]) => name),
  };
}

function curl({ method, path, fields }: CallParts, origin: string, form: FormData | null): string {
  const sent = fields.map(([name, value]) => `--data-urlencode ${shellWord(`${name}=${value}`)}`);
  const files = [...(form ?? [])].map(([name, value]) => `--form ${shellWord(`${name}=${formValue(value)}`)}`);
  return [
    `curl --request ${method}`,
    shellWord(origin + BASE + path),
    `--header ${shellWord(TOKEN)}`,
    ...sent,
    ...files,
  ].join(NEXT);
}

/** As `--form` reads it: a file by its name in quotes, since `;` and `,` would end it. */
function formValue(value: FormDataEntryValue): string {
  return typeof value === "string" ? value : `@"${value.name.replace(/["\\]/g, "\\$&")}"`;
}

function pvesh({ method, path, fields }: CallParts): string {
  const options = fields.map(([name, value]) => {
    // a value with a dash in front would be read as the next option
    return value.startsWith("-") ? `--${name}=${shellWord(value)}` : `--${name} ${shellWord(value)}`;
  });
  const words = [`pvesh ${PVESH_WORDS[method] ?? method} ${shellWord(path)}`, ...options];
  return words.join(options.length > MANY ? NEXT : " ");
}
