// TEST CODE. The API methods that the pretend cluster answers. A handler gets (world, path parameters, parameters,
// caller) and returns the data, or {data, total}; it throws {status, message, errors}.
import { randomBytes } from "node:crypto";
import { ACCESS_ROUTES } from "./access.mjs";
import { HISTORY_ROUTES } from "./history.mjs";
import { CLUSTER_ROUTES } from "./cluster.mjs";
import { HA_ROUTES } from "./ha.mjs";
import { hardwareRoutes } from "./hardware.mjs";
import { importedDisks, importMetadata } from "./imports.mjs";
import { OPTION_ROUTES } from "./options.mjs";
import { HOST_ROUTES } from "./host.mjs";
import { PEOPLE_ROUTES } from "./people.mjs";
import { powerRoutes } from "./power.mjs";
import { STORAGE_ROUTES } from "./storages.mjs";
import { stateRoutes } from "./states.mjs";
import { invalid } from "./wire.mjs";

const GIB = 1024 ** 3;

const page = (data, total) => ({ paged: true, data, total });

const wireTask = ({ log, timer, ...task }) => task;

function findTask(world, upid) {
  const task = world.tasks.find((candidate) => candidate.upid === upid);
  if (!task) throw invalid({ upid: "no such task" });
  return task;
}

function checkCommon(world, { vmid }) {
  const errors = {};
  if (!/^\d+$/.test(vmid ?? ""))
    errors.vmid = "type check ('integer') failed - got '" + vmid + "'";
  else if (Number(vmid) < 100)
    errors.vmid = "value must have a minimum value of 100";
  return errors;
}

function checkNew(world, params, errors) {
  if (Object.keys(errors).length > 0) throw invalid(errors);
  if (world.guests.has(Number(params.vmid))) {
    throw {
      status: 500,
      message: `unable to create VM ${params.vmid} - VM ${params.vmid} already exists on node 'pve1'`,
    };
  }
}

function createVm(world, _path, params) {
  const errors = checkCommon(world, params);
  if (params.name && !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(params.name)) {
    errors.name = "invalid format - value does not look like a valid DNS name";
  }
  if (params.net0 !== undefined && !/bridge=[\w.-]+/.test(params.net0))
    errors.net0 = "invalid format - net0.bridge: property is missing";
  checkNew(world, params, errors);
  const { vmid, start, node, ...config } = params;
  const imported = importedDisks(params);
  const sizeGib = Number(/:([1-9]\d*)(?:,|$)/.exec(params.scsi0)?.[1] ?? 3);
  const lines = Object.entries(imported).map(
    ([slot, { from }]) => `${slot}: importing '${from}'`,
  );
  if (!imported.scsi0)
    lines.push(`scsi0: allocating ${sizeGib} GiB on local-lvm`);
  return world.task(
    "qmcreate",
    vmid,
    [...lines, "configuration written"],
    () => {
      world.addGuest("qemu", Number(vmid), config.name, {
        config: { ...config, cores: Number(config.cores) },
      });
      const guest = world.guests.get(Number(vmid));
      guest.config.scsi0 = `local-lvm:vm-${vmid}-disk-0,size=${sizeGib}G`;
      guest.imported = imported;
      guest.diskBytes = sizeGib * GIB;
      guest.running = start === "1";
      guest.startedAt = Math.floor(Date.now() / 1000);
    },
  );
}

function createContainer(world, _path, params) {
  const errors = checkCommon(world, params);
  if ((params.password ?? "").length < 5)
    errors.password = "value must be at least 5 characters long";
  if (
    /ip=[^d]/.test(params.net0) &&
    !/ip=\d+(\.\d+){3}\/\d+/.test(params.net0)
  ) {
    errors.net0 =
      "invalid format - format error\\nnet0.ip: value does not look like a valid IPv4 network configuration";
  }
  checkNew(world, params, errors);
  const { vmid, hostname, cores, memory } = params;
  return world.task(
    "vzcreate",
    vmid,
    [`unpacking ${params.ostemplate}`, "configuration written"],
    () =>
      world.addGuest("lxc", Number(vmid), hostname, {
        config: { cores: Number(cores), memory: Number(memory) },
      }),
  );
}

function power(kind, verb) {
  const type = `${kind === "qemu" ? "qm" : "vz"}${verb}`;
  return (world, { vmid }) => {
    const guest = world.guest(kind, vmid);
    return world.task(type, vmid, [`${verb} ${vmid}`], () => {
      if (verb === "start" && guest.config.name === "broken") {
        throw "start failed: volume 'local-lvm:vm-109-disk-0' does not exist";
      }
      guest.running = verb === "start";
      for (const [key, value] of Object.entries(guest.waiting ?? {})) {
        if (value === null) delete guest.config[key];
        else guest.config[key] = value;
      }
      delete guest.waiting;
      guest.startedAt = Math.floor(Date.now() / 1000);
    });
  };
}

function destroy(kind) {
  return (world, { vmid }) => {
    world.guest(kind, vmid);
    return world.task(
      kind === "qemu" ? "qmdestroy" : "vzdestroy",
      vmid,
      ["removing disks"],
      () => {
        world.guests.delete(Number(vmid));
        world.volumes = world.volumes.filter(
          (volume) => volume.vmid !== Number(vmid),
        );
      },
    );
  };
}

/** A console of that type that waits for its one connection; `guest`: its id, of a node's shell its name. */
function openConsole(world, type, guest, task) {
  const password = randomBytes(4).toString("hex");
  const port = String(5900 + world.consoles.size);
  const ticket = `${password}:PVEVNC:6B002DF2::${randomBytes(16).toString("base64")}`;
  const upid = world.task(
    task,
    typeof guest === "number" ? guest : "",
    ["waiting for the client"],
    undefined,
    3000,
  );
  world.consoles.set(port, { type, ticket, password, guest });
  return {
    user: "root@pam",
    ticket,
    port,
    upid,
    ...(type === "vnc" && { password, cert: "" }),
  };
}

function proxy(kind, type) {
  return (world, { vmid }) => {
    if (!world.guest(kind, vmid).running)
      throw { status: 500, message: `VM ${vmid} not running` };
    return openConsole(world, type, Number(vmid), "vncproxy");
  };
}

const storageStatus = ({ storage, type, content, total, used }) => ({
  storage,
  type,
  content,
  total,
  used,
  avail: total - used,
  active: 1,
  enabled: 1,
  shared: 0,
});

function findStorage(world, name) {
  const storage = world.storages.find(
    (candidate) => candidate.storage === name,
  );
  if (!storage)
    throw { status: 500, message: `storage '${name}' does not exist` };
  return storage;
}

function upload(world, { storage }, { content, filename, size }) {
  return world.task(
    "imgcopy",
    "",
    [`copying ${filename}`, `${size} bytes`],
    () => {
      const folder = content === "iso" ? "iso" : content;
      const volid = `${storage}:${folder}/${filename}`;
      world.volumes = world.volumes.filter((volume) => volume.volid !== volid);
      world.volumes.push({
        volid,
        content,
        format: content === "iso" ? "iso" : filename.split(".").at(-1),
        size,
        ctime: Date.now() / 1000,
      });
    },
  );
}

function deleteVolume(world, { volume }) {
  return world.task(
    "imgdel",
    volume.split(":")[0],
    [`removing ${volume}`],
    () => {
      world.volumes = world.volumes.filter(
        (candidate) => candidate.volid !== volume,
      );
    },
  );
}

function guestRoutes(kind, consoleRoutes) {
  const base = `/nodes/{node}/${kind}/{vmid}`;
  return {
    [`GET ${base}/config`]: (world, { vmid }) => world.guest(kind, vmid).config,
    [`GET ${base}/status/current`]: (world, { vmid }) =>
      world.status(world.guest(kind, vmid)),
    [`POST ${base}/status/start`]: power(kind, "start"),
    [`POST ${base}/status/stop`]: power(kind, "stop"),
    [`POST ${base}/status/shutdown`]: power(kind, "shutdown"),
    [`DELETE ${base}`]: destroy(kind),
    ...hardwareRoutes(kind),
    ...stateRoutes(kind),
    ...powerRoutes(kind),
    ...consoleRoutes,
  };
}

export const ROUTES = {
  ...ACCESS_ROUTES,
  ...PEOPLE_ROUTES,
  ...HISTORY_ROUTES,
  ...CLUSTER_ROUTES,
  ...HA_ROUTES,
  ...OPTION_ROUTES,
  ...HOST_ROUTES,
  ...STORAGE_ROUTES,
  "GET /version": () => ({
    version: "9.2.0",
    release: "9.2",
    repoid: "0123456789abcdef",
  }),
  "GET /cluster/resources": (world) => world.resources(),
  "GET /cluster/nextid": (world) =>
    String(
      [...Array(900).keys()]
        .map((i) => i + 100)
        .find((id) => !world.guests.has(id)),
    ),
  "GET /cluster/tasks": (world) => world.tasks.slice(0, 25).map(wireTask),
  "GET /nodes/{node}/status": (world) => world.nodeStatus(),
  "POST /nodes/{node}/termproxy": (world, { node }) =>
    openConsole(world, "term", node, "vncshell"),
  "GET /nodes/{node}/tasks": (
    world,
    _path,
    { start = 0, limit = 50, vmid },
  ) => {
    const all = world.tasks.filter((task) => !vmid || task.id === vmid);
    return page(
      all.slice(Number(start), Number(start) + Number(limit)).map(wireTask),
      all.length,
    );
  },
  "GET /nodes/{node}/tasks/{upid}/status": (world, { upid }) => {
    const { status, ...task } = wireTask(findTask(world, upid));
    return {
      ...task,
      status: status ? "stopped" : "running",
      ...(status && { exitstatus: status }),
    };
  },
  "GET /nodes/{node}/tasks/{upid}/log": (
    world,
    { upid },
    { start = 0, limit = 50 },
  ) => {
    const { log } = findTask(world, upid);
    if (log.length === 0) return page([{ n: 1, t: "no content" }], 0);
    const lines = log.map((t, i) => ({ n: i + 1, t }));
    return page(
      lines.slice(Number(start), Number(start) + Number(limit)),
      lines.length,
    );
  },
  "DELETE /nodes/{node}/tasks/{upid}": (world, { upid }) => {
    world.endTask(
      findTask(world, upid),
      "unexpected status",
      "TASK ERROR: received interrupt",
    );
    return null;
  },
  "GET /nodes/{node}/storage": (world) => world.storages.map(storageStatus),
  "GET /nodes/{node}/storage/{storage}/status": (world, { storage }) =>
    storageStatus(findStorage(world, storage)),
  "GET /nodes/{node}/storage/{storage}/content": (
    world,
    { storage },
    { content },
  ) =>
    world.volumes.filter(
      (v) =>
        v.volid.startsWith(`${storage}:`) &&
        (!content || v.content === content),
    ),
  "POST /nodes/{node}/storage/{storage}/upload": upload,
  "GET /nodes/{node}/storage/{storage}/import-metadata": importMetadata,
  "DELETE /nodes/{node}/storage/{storage}/content/{volume}": deleteVolume,
  "POST /nodes/{node}/qemu": createVm,
  "POST /nodes/{node}/lxc": createContainer,
  ...guestRoutes("qemu", {
    "POST /nodes/{node}/qemu/{vmid}/vncproxy": proxy("qemu", "vnc"),
    "POST /nodes/{node}/qemu/{vmid}/termproxy": proxy("qemu", "term"),
  }),
  ...guestRoutes("lxc", {
    "POST /nodes/{node}/lxc/{vmid}/termproxy": proxy("lxc", "term"),
  }),
};

/** "GET", "/nodes/pve1/qemu/100/config" -> [handler, path parameters], or null. */
export function findRoute(method, path) {
  for (const [key, handler] of Object.entries(ROUTES)) {
    const [verb, template] = key.split(" ");
    const names = [];
    const pattern = template.replace(
      /\{(\w+)\}/g,
      (_all, name) => (names.push(name), "([^/]+)"),
    );
    const match = verb === method && new RegExp(`^${pattern}$`).exec(path);
    if (match)
      return [
        handler,
        Object.fromEntries(
          names.map((name, i) => [name, decodeURIComponent(match[i + 1])]),
        ),
      ];
  }
  return null;
}
