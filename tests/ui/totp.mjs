// TEST CODE. What an authenticator app shows (RFC 6238: SHA-1, six digits, 30 seconds).
import { createHmac } from "node:crypto";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
export const PERIOD_MS = 30_000;

function bytesOf(secret) {
  const bits = [...secret.replaceAll(/[\s=]/g, "")]
    .map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, "0"))
    .join("");
  return Buffer.from(
    bits.match(/.{8}/g).map((eight) => Number.parseInt(eight, 2)),
  );
}

/** The code of one time step. */
export function totp(secret, timeMs = Date.now()) {
  const count = Buffer.alloc(8);
  count.writeBigUInt64BE(BigInt(Math.floor(timeMs / PERIOD_MS)));
  const mac = createHmac("sha1", bytesOf(secret)).update(count).digest();
  const offset = mac.at(-1) & 15;
  const number = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}
