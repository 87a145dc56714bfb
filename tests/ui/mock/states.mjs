// TEST CODE. Snapshots, copies and moves of the pretend cluster's guests.
import { invalid } from "./wire.mjs";

const prefix = (kind) => (kind === "qemu" ? "qm" : "vz");
const now = () => Math.floor(Date.now() / 1000);

function list(kind) {
  return (world, { vmid }) => {
    const { snapshots = [], parent, running } = world.guest(kind, vmid);
    const present = {
      name: "current",
      description: "You are here!",
      running: running ? 1 : 0,
      ...(parent && { parent }),
    };
    return [...snapshots, present];
  };
}

function take(kind) {
  return (world, { vmid }, { snapname, description = "", vmstate }) => {
    const guest = world.guest(kind, vmid);
    if (!/^[a-z][\w-]+$/i.test(snapname))
      throw invalid({
        snapname:
          "invalid format - invalid configuration ID '" + snapname + "'",
      });
    if (guest.snapshots?.some(({ name }) => name === snapname))
      throw {
        status: 500,
        message: `snapshot name '${snapname}' already used`,
      };
    return world.task(`${prefix(kind)}snapshot`, vmid, ["saving"], () => {
      const taken = { name: snapname, description, snaptime: now() };
      if (kind === "qemu") taken.vmstate = vmstate === "1" ? 1 : 0;
      if (guest.parent) taken.parent = guest.parent;
      guest.snapshots = [...(guest.snapshots ?? []), taken];
      guest.parent = snapname;
    });
  };
}

function rollBack(kind) {
  return (world, { vmid, snapname }) => {
    const guest = world.guest(kind, vmid);
    return world.task(`${prefix(kind)}rollback`, vmid, ["going back"], () => {
      guest.parent = snapname;
      guest.running = false;
    });
  };
}

function remove(kind) {
  return (world, { vmid, snapname }) => {
    const guest = world.guest(kind, vmid);
    return world.task(`${prefix(kind)}delsnapshot`, vmid, ["removing"], () => {
      const gone = guest.snapshots.find(({ name }) => name === snapname);
      guest.snapshots = guest.snapshots.filter((each) => each !== gone);
      for (const each of guest.snapshots)
        if (each.parent === snapname) each.parent = gone.parent;
      if (guest.parent === snapname) guest.parent = gone.parent;
    });
  };
}

function describe(kind) {
  return (world, { vmid, snapname }, { description = "" }) => {
    const { snapshots } = world.guest(kind, vmid);
    snapshots.find(({ name }) => name === snapname).description = description;
    return null;
  };
}

function clone(kind) {
  return (world, { vmid }, { newid, name, hostname }) => {
    const guest = world.guest(kind, vmid);
    if (world.guests.has(Number(newid)))
      throw { status: 500, message: `unable to create VM ${newid}: it exists` };
    if (/[^a-z0-9.-]/i.test(name ?? hostname ?? ""))
      throw invalid({
        [kind === "qemu" ? "name" : "hostname"]:
          "invalid format - value does not look like a valid DNS name",
      });
    return world.task(`${prefix(kind)}clone`, vmid, ["copying"], () =>
      world.addGuest(
        kind,
        Number(newid),
        name ?? hostname ?? `Copy-of-${guest.config.name}`,
      ),
    );
  };
}

/** Guests with tag "local" have their disks on their node alone, others are stuck to it by a device. */
function report(kind) {
  return (world, { vmid }) => {
    const guest = world.guest(kind, vmid);
    const others = world.nodes.filter((node) => node !== guest.node);
    const refused = others.filter((node) => world.lacking?.has(node));
    const allowed = others.filter((node) => !refused.includes(node));
    const missing = Object.fromEntries(
      refused.map((node) => [node, { unavailable_storages: ["local-lvm"] }]),
    );
    const running = guest.running ? 1 : 0;
    if (kind === "lxc") {
      const dashed = { "allowed-nodes": allowed, "not-allowed-nodes": missing };
      return { running, ...dashed };
    }
    const volid = `local-lvm:vm-${vmid}-disk-0`;
    return {
      running,
      // As a real node: where one that runs may go is not said.
      ...(!running && { allowed_nodes: allowed, not_allowed_nodes: missing }),
      local_disks: [{ volid, size: guest.diskBytes, cdrom: 0, is_unused: 0 }],
      local_resources: guest.config.hostpci0 ? ["hostpci0"] : [],
      "mapped-resources": [],
    };
  };
}

function move(kind) {
  return (world, { vmid }, { target, ...how }) => {
    const guest = world.guest(kind, vmid);
    world.moved = { target, ...how };
    const type = kind === "qemu" ? "qmigrate" : "vzmigrate";
    return world.task(type, vmid, [`to node '${target}'`], () => {
      guest.node = target;
    });
  };
}

export function stateRoutes(kind) {
  const base = `/nodes/{node}/${kind}/{vmid}`;
  return {
    [`GET ${base}/snapshot`]: list(kind),
    [`POST ${base}/snapshot`]: take(kind),
    [`POST ${base}/snapshot/{snapname}/rollback`]: rollBack(kind),
    [`DELETE ${base}/snapshot/{snapname}`]: remove(kind),
    [`PUT ${base}/snapshot/{snapname}/config`]: describe(kind),
    [`POST ${base}/clone`]: clone(kind),
    [`GET ${base}/migrate`]: report(kind),
    [`POST ${base}/migrate`]: move(kind),
  };
}
