// TEST CODE. Serves the built page and a pretend API over TLS, for the UI tests that need no node.
//
//   node tests/ui/mock_server.mjs [PORT]      to look at it by hand (user root, password secret)
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { OPEN, PASSWORD } from "./mock/access.mjs";
import { serveTerminal, serveVnc } from "./mock/consoles.mjs";
import { Events } from "./mock/events.mjs";
import { addImports } from "./mock/imports.mjs";
import { findRoute } from "./mock/routes.mjs";
import { World } from "./mock/world.mjs";

const WEBUI = fileURLToPath(new URL("../../webui/", import.meta.url));
const DIST = join(WEBUI, "dist");
export const MADE = fileURLToPath(
  new URL("../../build/ui-made", import.meta.url),
);
const { WebSocketServer } = createRequire(join(WEBUI, "package.json"))("ws");

/** What the web server can be set to; the tests fail on any violation. xterm.js needs inline styles. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".webp": "image/webp",
};

function certificate() {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-ui-"));
  const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  const subject = [
    "-subj",
    "/CN=localhost",
    "-days",
    "2",
    "-nodes",
    "-newkey",
    "rsa:2048",
  ];
  execFileSync(
    "openssl",
    ["req", "-x509", ...subject, "-keyout", key, "-out", cert],
    { stdio: "ignore" },
  );
  const pair = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(directory, { recursive: true });
  return pair;
}

function serveFile(request, response) {
  const name = normalize(
    request.url === "/" ? "/index.html" : request.url.split("?")[0],
  );
  // The documents are made with the packages; a test that wants them makes them there.
  const root = name.startsWith("/docs/") ? MADE : DIST;
  const path = join(root, name);
  if (!path.startsWith(root) || !existsSync(path)) {
    response.writeHead(500, `no such file '${name}'`).end();
    return;
  }
  const packed = existsSync(`${path}.gz`);
  response.writeHead(200, {
    "Content-Type": TYPES[extname(path)] ?? "application/octet-stream",
    "Content-Security-Policy": POLICY,
    ...(packed && { "Content-Encoding": "gzip" }),
    "Cache-Control": name.startsWith("/assets/")
      ? "max-age=31536000, immutable"
      : "no-cache",
  });
  response.end(readFileSync(packed ? `${path}.gz` : path));
}

function ticketOf(request) {
  const cookie = /PVEAuthCookie=([^;]+)/.exec(request.headers.cookie ?? "");
  return cookie ? decodeURIComponent(cookie[1]) : null;
}

async function readBody(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

/** Urlencoded fields, or of an upload: its content kind, file name and size. */
function parseParams(request, body) {
  const url = new URL(request.url, "https://localhost");
  const type = request.headers["content-type"] ?? "";
  if (!type.startsWith("multipart/")) {
    return Object.fromEntries([
      ...url.searchParams,
      ...new URLSearchParams(body.toString()),
    ]);
  }
  const text = body.toString("latin1");
  const content = /name="content"\r\n\r\n(\w+)/.exec(text);
  const file = /name="filename"; filename="([^"]+)"/.exec(text);
  if (!content || !file || content.index > file.index)
    throw { status: 400, message: "missing content or file" };
  return { content: content[1], filename: file[1], size: body.length };
}

async function serveApi(world, request, response) {
  const send = (status, reason, body) => {
    response.writeHead(status, reason.split("\n")[0], {
      "Content-Type": "application/json;charset=UTF-8",
    });
    response.end(JSON.stringify(body));
  };
  try {
    const body = await readBody(request);
    await world.held;
    world.requests.push(`${request.method} ${request.url}`);
    const path = request.url.split("?")[0].slice("/api2/json".length);
    const route = findRoute(request.method, path);
    if (!route)
      throw {
        status: 501,
        message: `Method '${request.method} ${path}' not implemented`,
      };
    const open = OPEN.has(path);
    const ticket = ticketOf(request);
    if (!open && !world.tickets.has(ticket))
      throw { status: 401, message: "No ticket" };
    const token = request.headers.csrfpreventiontoken;
    if (!open && request.method !== "GET" && token !== world.csrf) {
      throw { status: 401, message: "Permission denied - invalid csrf token" };
    }
    const [handler, names] = route;
    const [, caller] = ticket?.split(":") ?? [];
    const answer = handler(world, names, parseParams(request, body), caller);
    send(
      200,
      "OK",
      answer?.paged
        ? { data: answer.data, total: answer.total, changes: answer.changes }
        : { data: answer },
    );
  } catch (problem) {
    if (problem instanceof Error) throw problem;
    send(problem.status, problem.message, {
      data: null,
      message: `${problem.message}\n`,
      errors: problem.errors,
    });
  }
}

function serveConsole(world, sockets, request, socket, head) {
  const url = new URL(request.url, "https://localhost");
  const target = world.consoles.get(url.searchParams.get("port"));
  const refused =
    target?.ticket !== url.searchParams.get("vncticket") ||
    !world.tickets.has(ticketOf(request));
  if (refused)
    return socket.end(
      "HTTP/1.1 401 permission denied - invalid PVEVNC ticket\r\n\r\n",
    );
  sockets.handleUpgrade(request, socket, head, (ws) =>
    target.type === "vnc" ? serveVnc(ws, target) : serveTerminal(ws, target),
  );
}

/** Starts the server; `down()` and `up()` play an outage on the same port. */
export async function startMock({ port = 0, world = new World() } = {}) {
  Object.assign(world, {
    tickets: new Set(),
    challenges: new Map(),
    csrf: "6B002DF2:csrf",
    consoles: new Map(),
    requests: [],
    events: new Events(world),
  });
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => [...offered][0],
  });
  const server = createServer(certificate(), (request, response) => {
    const known = world.tickets.has(ticketOf(request));
    if (request.url === "/api2/json/events" && known)
      world.events.serve(response);
    else if (request.url.startsWith("/api2/"))
      void serveApi(world, request, response);
    else serveFile(request, response);
  });
  server.on("upgrade", (request, socket, head) =>
    serveConsole(world, sockets, request, socket, head),
  );
  const listen = (number) =>
    new Promise((resolve) => server.listen(number, "localhost", resolve));
  const stop = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
      for (const client of sockets.clients) client.terminate();
    });
  await listen(port);
  const used = server.address().port;
  return {
    url: `https://localhost:${used}`,
    user: "root",
    password: PASSWORD,
    world,
    sockets,
    down: stop,
    up: () => listen(used),
    stop,
  };
}

/** A cluster worth looking at. */
export function furnish(world) {
  world.addGuest("qemu", 100, "web-frontend", {
    running: true,
    config: { tags: "prod;web", serial0: "socket" },
  });
  world.addGuest("qemu", 101, "database-primary-with-a-rather-long-name", {
    running: true,
    config: { memory: "8192" },
  });
  const web = world.guests.get(100);
  web.snapshots = [
    {
      name: "installed",
      description: "right after installation",
      snaptime: 1_790_000_000,
      vmstate: 0,
    },
    {
      name: "before-update",
      description: "",
      snaptime: 1_790_400_000,
      vmstate: 1,
      parent: "installed",
    },
    {
      name: "experiment",
      description: "the new kernel, which did not boot",
      snaptime: 1_790_300_000,
      vmstate: 0,
      parent: "installed",
    },
  ];
  web.parent = "before-update";
  web.config.ide2 = "local:iso/debian-13.iso,media=cdrom";
  web.waiting = { memory: "8192", ide2: null };
  world.addGuest("lxc", 102, "dns", { running: true });
  world.addGuest("lxc", 103, "mail-archive");
  world.addGuest("qemu", 104, "windows-build", { lock: "backup" });
  addImports(world);
  const createLog = [
    "scsi0: allocating 32 GiB on local-lvm",
    "configuration written",
    "TASK OK",
  ];
  world.pastTask("qmcreate", 100, 7400, "OK", createLog);
  world.pastTask("qmstart", 100, 7325, "OK", ["TASK OK"]);
  const reason =
    "unable to create CT 105 - template 'local:vztmpl/none.tar.zst' does not exist";
  world.pastTask("vzcreate", 105, 9000, reason, [`TASK ERROR: ${reason}`]);
  return world;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await startMock({
    port: Number(process.argv[2] ?? 8006),
    world: furnish(new World()),
  });
  console.log(`${mock.url}  user ${mock.user}  password ${mock.password}`);
}
