// A disc that a machine starts from, made here: a program of some bytes, which paints the whole screen in the colour whose
// digit is pressed. So a picture of the screen proves that a key came up, and what is shown is the guest's own.
// Sources: the El Torito specification (1995) for what a BIOS reads, RBIL for the interrupts.
const SECTOR = 2048;
const CATALOG = 19;
const PROGRAM_AT = 20;

/** Colours of the VGA's palette by their digits, as [red, green, blue]. */
export const COLOURS = { 2: [0, 170, 0], 4: [170, 0, 0] };

/** What a machine's screen is wide while the disc's program runs: QEMU doubles each point. */
export const DISC_WIDTH = 640;

const PROGRAM = [
  ...[0xfc], // cld
  ...[0xb8, 0x13, 0x00, 0xcd, 0x10], // mode 13h: 320 x 200, a byte for a point
  ...[0x68, 0x00, 0xa0, 0x07], // es = a000h, the points
  ...[0xb4, 0x00, 0xcd, 0x16], // again: wait for a key; al: what it types
  ...[0x2c, 0x30], // al -= '0'
  ...[0x31, 0xff, 0xb9, 0x00, 0xfa, 0xf3, 0xaa], // all points
  ...[0xeb, 0xf1], // jump to again
];

/** The image of the disc. */
export function keyedDisc() {
  const disc = Buffer.alloc((PROGRAM_AT + 1) * SECTOR);
  const descriptor = (sector, type) =>
    disc.write(`${type}CD001\x01`, sector * SECTOR, "latin1");
  descriptor(16, "\x01");
  disc.write("WALK".padEnd(32), 16 * SECTOR + 40, "latin1");
  descriptor(17, "\x00");
  disc.write("EL TORITO SPECIFICATION", 17 * SECTOR + 7, "latin1");
  disc.writeUInt32LE(CATALOG, 17 * SECTOR + 71);
  descriptor(18, "\xff");
  const catalog = CATALOG * SECTOR;
  disc.writeUInt8(1, catalog); // the header, for x86
  disc.writeUInt16LE(0xaa55, catalog + 30);
  disc.writeUInt16LE(0x10000 - 0xaa55 - 1, catalog + 28); // all its words add up to 0
  disc.writeUInt8(0x88, catalog + 32); // one entry, to start from, as no other kind of medium
  disc.writeUInt16LE(4, catalog + 38); // in units of 512 bytes
  disc.writeUInt32LE(PROGRAM_AT, catalog + 40);
  Buffer.from(PROGRAM).copy(disc, PROGRAM_AT * SECTOR);
  return disc;
}
