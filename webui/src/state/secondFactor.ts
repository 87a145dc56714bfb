import type { Challenge, FactorKind } from "../api/access";

/** The second steps that this user can take in this browser, the easiest first. */
export function waysOf(challenge: Challenge, keysPossible: boolean): FactorKind[] {
  return [
    ...(challenge.webauthn && keysPossible ? (["webauthn"] as const) : []),
    ...(challenge.totp ? (["totp"] as const) : []),
    ...(challenge.recoveryKeys > 0 ? (["recovery"] as const) : []),
  ];
}

/** A code as people type or paste it: `123 456` is a code, ` AB12-… ` a key. */
export const tidyCode = (text: string): string => text.replaceAll(/\s/g, "");
