import { tOptional } from "../i18n";

/** "VM 100: start" for the task types the catalogue knows, else the server's own words. Not every task has an id. */
export function taskTitle({ type, id }: { type: string; id: string }): string {
  return tOptional(`taskType.${type}`, { id })?.trimEnd() ?? [type, id].filter(Boolean).join(" ");
}
