/**
 * The key that takes the keyboard back from a console, which gets all other ones, Tab too (WCAG 2.1.2).
 *
 * Ctrl+Shift+F: programs in a terminal cannot tell Ctrl+Shift and a letter from Ctrl and that letter, so none of them
 * needs it, and of the letters this is one that Chrome, Edge, Firefox and Safari leave to the page. Not Ctrl+Shift+Escape
 * or Shift+Escape (the task managers of Windows and Chrome), not F6 (a key of mc and htop), not Ctrl+M (Enter).
 */
export const LEAVE_KEY = "Ctrl+Shift+F";

type Key = Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "shiftKey" | "altKey" | "metaKey">;

/** The key that says F; on keyboards with other letters than Latin ones, the one at its place. */
export function isLeaveKey({ key, code, ctrlKey, shiftKey, altKey, metaKey }: Key): boolean {
  const isF = /^[a-z]$/i.test(key) ? key.toLowerCase() === "f" : code === "KeyF";
  return isF && ctrlKey && shiftKey && !altKey && !metaKey;
}
