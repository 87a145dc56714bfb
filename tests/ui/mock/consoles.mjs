// TEST CODE. The far ends of the two consoles: a VNC server (RFB 3.8 with VNC authentication, RFC 6143) that shows a
// picture and answers keys by changing it, and a terminal that echoes.
import { createCipheriv, randomBytes } from "node:crypto";

const WIDTH = 720;
const HEIGHT = 400;

/** VNC authentication is DES with the bits of each password byte reversed; 3DES with one key thrice is DES. */
function vncResponse(challenge, password) {
  const key = Buffer.alloc(8);
  Buffer.from(password.slice(0, 8), "latin1").forEach((byte, i) => {
    for (let bit = 0; bit < 8; bit++)
      if (byte & (1 << bit)) key[i] |= 0x80 >> bit;
  });
  const cipher = createCipheriv(
    "des-ede3-ecb",
    Buffer.concat([key, key, key]),
    null,
  ).setAutoPadding(false);
  return Buffer.concat([cipher.update(challenge), cipher.final()]);
}

/** Light lines like text on black; `keys` moves them. Bytes are blue, green, red, nothing. */
function picture(keys) {
  const pixels = Buffer.alloc(WIDTH * HEIGHT * 4);
  for (let y = 0; y < HEIGHT; y++) {
    const row = Math.floor(y / 16);
    if (row >= 6 + (keys % 12) || y % 16 > 10) continue;
    for (let x = 8; x < 80 + ((row * 137) % 480); x++) {
      if ((x * 7 + row * 13) % 9 < 5)
        pixels.fill(0xb0, (y * WIDTH + x) * 4, (y * WIDTH + x) * 4 + 3);
    }
  }
  return pixels;
}

function serverInit(name) {
  const init = Buffer.alloc(24);
  init.writeUInt16BE(WIDTH, 0);
  init.writeUInt16BE(HEIGHT, 2);
  init.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], 4); // 32 bits, little-endian, true colour, RGB shifts
  init.writeUInt32BE(name.length, 20);
  return Buffer.concat([init, Buffer.from(name)]);
}

function update(keys) {
  const head = Buffer.alloc(16); // FramebufferUpdate, one rectangle, raw encoding
  head.writeUInt16BE(1, 2);
  head.writeUInt16BE(WIDTH, 8);
  head.writeUInt16BE(HEIGHT, 10);
  return Buffer.concat([head, picture(keys)]);
}

/** Length of the client message that begins the buffer, or null where more is needed. */
function messageLength(buffer) {
  switch (buffer[0]) {
    case 0:
      return 20; // SetPixelFormat
    case 2:
      return buffer.length < 4 ? null : 4 + 4 * buffer.readUInt16BE(2); // SetEncodings
    case 3:
      return 10; // FramebufferUpdateRequest
    case 4:
      return 8; // KeyEvent
    case 5:
      return 6; // PointerEvent
    case 6:
      return buffer.length < 8 ? null : 8 + Math.abs(buffer.readInt32BE(4)); // ClientCutText
    default:
      throw new Error(`VNC message ${buffer[0]}`);
  }
}

/** `target.held`: keys that are down, by their X11 symbols; `target.pressed`: that ever were. */
export function serveVnc(socket, target) {
  const { password, guest } = target;
  target.held = new Set();
  target.pressed = new Set();
  const challenge = randomBytes(16);
  let waiting = Buffer.alloc(0);
  let stage = "version";
  let keys = 0;
  let shown = -1;
  const take = (length) => {
    const taken = waiting.subarray(0, length);
    waiting = waiting.subarray(length);
    return taken;
  };
  const step = {
    version: () => {
      if (waiting.length < 12) return false;
      take(12);
      socket.send(Buffer.from([1, 2]));
      stage = "security";
      return true;
    },
    security: () => {
      if (waiting.length < 1) return false;
      take(1);
      socket.send(challenge);
      stage = "response";
      return true;
    },
    response: () => {
      if (waiting.length < 16) return false;
      const good = take(16).equals(vncResponse(challenge, password));
      socket.send(Buffer.from([0, 0, 0, good ? 0 : 1]));
      if (!good) socket.close();
      stage = "init";
      return true;
    },
    init: () => {
      if (waiting.length < 1) return false;
      take(1);
      socket.send(serverInit(`vm${guest}`));
      stage = "messages";
      return true;
    },
    messages: () => {
      if (waiting.length === 0) return false;
      const length = messageLength(waiting);
      if (length === null || waiting.length < length) return false;
      const message = take(length);
      if (message[0] === 4) {
        const symbol = message.readUInt32BE(4);
        if (message[1] === 1) {
          target.held.add(symbol);
          target.pressed.add(symbol);
        } else target.held.delete(symbol);
        keys += message[1];
      }
      if (message[0] === 3 && (message[1] === 0 || shown !== keys)) {
        shown = keys;
        socket.send(update(keys));
      } else if (message[0] === 4) {
        shown = keys;
        socket.send(update(keys));
      }
      return true;
    },
  };
  socket.on("message", (data) => {
    waiting = Buffer.concat([waiting, data]);
    while (step[stage]());
  });
  socket.send(Buffer.from("RFB 003.008\n"));
}

export function serveTerminal(socket, { ticket, guest }) {
  const prompt =
    typeof guest === "number" ? `guest${guest} login: ` : `root@${guest}:~# `;
  let greeted = false;
  socket.on("message", (data) => {
    const text = data.toString();
    if (!greeted) {
      if (text !== `root@pam:${ticket}\n`) return socket.close();
      greeted = true;
      return socket.send(Buffer.from(`OK\r\n${prompt}`));
    }
    const keys = /^0:(\d+):([\s\S]*)$/.exec(text);
    if (keys)
      socket.send(Buffer.from(keys[2].replaceAll("\r", `\r\n${prompt}`)));
  });
}
