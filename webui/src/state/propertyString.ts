/** `virtio=AA:BB,bridge=vmbr0` -> entries in order; a part without `=` is the default key's value, given here as "". */
export function parsePropertyString(text: string): Map<string, string> {
  const result = new Map<string, string>();
  for (const part of text.split(",")) {
    if (part === "") continue;
    const at = part.indexOf("=");
    if (at < 0) result.set("", part);
    else result.set(part.slice(0, at), part.slice(at + 1));
  }
  return result;
}
