/** `UPID:<node>:<pid>:<pstart>:<start time>:<type>:<id>:<user>:` — numbers in upper-case hex, id may be empty. */
export interface Upid {
  node: string;
  pid: number;
  pstart: number;
  startS: number;
  type: string;
  id: string;
  user: string;
}

const UPID = /^UPID:([^:\s]+):([0-9A-F]{8}):([0-9A-F]{8,9}):([0-9A-F]{8}):([^:\s]+):([^:\s]*):([^:\s]+):$/i;

/** null where the text is not a task id. */
export function parseUpid(text: string): Upid | null {
  const match = UPID.exec(text);
  if (!match) return null;
  const [, node = "", pid = "", pstart = "", start = "", type = "", id = "", user = ""] = match;
  return { node, pid: parseInt(pid, 16), pstart: parseInt(pstart, 16), startS: parseInt(start, 16), type, id, user };
}
