/** Keys that a browser or its system keeps for itself, to be sent to a machine's screen. */

/** The code of a key (as a browser names it) and its X11 symbol (keysymdef.h). */
export type KeyStroke = readonly [code: string, keysym: number];

const KEYS = {
  Ctrl: ["ControlLeft", 0xffe3],
  Alt: ["AltLeft", 0xffe9],
  Shift: ["ShiftLeft", 0xffe1],
  Super: ["MetaLeft", 0xffeb],
  Del: ["Delete", 0xffff],
  Esc: ["Escape", 0xff1b],
  Tab: ["Tab", 0xff09],
  Print: ["PrintScreen", 0xff61],
  F: ["KeyF", 0x66],
  F1: ["F1", 0xffbe],
  F2: ["F2", 0xffbf],
  F4: ["F4", 0xffc1],
  F7: ["F7", 0xffc4],
  F11: ["F11", 0xffc8],
} as const satisfies Record<string, KeyStroke>;

/** As they are written on keyboards; `Ctrl+Shift+F` leads out of the console when it is typed. */
export const COMBOS = [
  "Ctrl+Alt+Del",
  "Ctrl+Alt+F1",
  "Ctrl+Alt+F2",
  "Ctrl+Alt+F7",
  "Ctrl+Shift+F",
  "Alt+Tab",
  "Alt+F4",
  "Super",
  "Print",
  "F11",
  "Tab",
  "Esc",
] as const;

export type Combo = (typeof COMBOS)[number];

/** The keys of a combination in the order in which they go down. */
export function strokes(combo: Combo): KeyStroke[] {
  return combo.split("+").map((name) => KEYS[name as keyof typeof KEYS]);
}

/** Down in order, up the other way round. */
export function typeCombo(combo: Combo, send: (keysym: number, code: string, down: boolean) => void): void {
  const keys = strokes(combo);
  for (const [code, keysym] of keys) send(keysym, code, true);
  for (const [code, keysym] of [...keys].reverse()) send(keysym, code, false);
}
