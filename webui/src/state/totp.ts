/** A new secret for an authenticator app, and how it is told to the app. */

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** As long as the hash that is used (RFC 4226 recommends 160 bits). */
const SECRET_BYTES = 20;

/** Bytes -> base32 (RFC 4648) without padding. */
export function base32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += BASE32[(held >> (bits - 5)) & 31];
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + BASE32[(held << (5 - bits)) & 31] : text;
}

export const newSecret = (): string => base32(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));

/** What the QR code says (Key Uri Format): SHA-1, six digits and 30 seconds are what apps take where nothing is said.
 * They show issuer and user beside the code. */
export function otpauthUri(issuer: string, user: string, secret: string): string {
  const [place, name] = [encodeURIComponent(issuer), encodeURIComponent(user)];
  return `otpauth://totp/${place}:${name}?secret=${secret}&issuer=${place}`;
}

/** For typing by hand: groups of four. */
export const grouped = (secret: string): string => (secret.match(/.{1,4}/g) ?? []).join(" ");
