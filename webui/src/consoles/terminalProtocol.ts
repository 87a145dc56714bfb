/**
 * Messages of a terminal console. The client first says who it is and gets `OK` before any output; afterwards it sends
 * `0:<byte length>:<text>` (keys), `1:<columns>:<rows>:` (size) and `2` (still here); the server sends bare output.
 */
export const KEEP_ALIVE = "2";

export function greeting(user: string, ticket: string): string {
  return `${user}:${ticket}\n`;
}

export function input(text: string): string {
  return `0:${new TextEncoder().encode(text).length}:${text}`;
}

export function size(columns: number, rows: number): string {
  return `1:${columns}:${rows}:`;
}

/** The server's first bytes: null until they are complete, else whether it agreed and the output that came along. */
export function readGreeting(received: Uint8Array): { ok: boolean; rest: Uint8Array } | null {
  if (received.length < 2) return null;
  return { ok: received[0] === 0x4f && received[1] === 0x4b, rest: received.subarray(2) };
}
