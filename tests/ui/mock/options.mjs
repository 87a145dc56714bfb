// TEST CODE. The pretend cluster's options and pools.
import { invalid, words } from "./wire.mjs";

/** Property strings as answers carry them. */
function parsed(text) {
  return Object.fromEntries(
    words(text).map((part) => {
      const [key, value] = part.split("=");
      return [key, /^\d+$/.test(value) ? Number(value) : value];
    }),
  );
}
const OBJECTS = ["migration", "ha", "crs", "next-id", "bwlimit", "webauthn"];

const stored = (world) => (world.options ??= {});

function options(world) {
  const shown = Object.entries(stored(world)).map(([key, text]) => [
    key,
    OBJECTS.includes(key)
      ? parsed(text)
      : key === "registered-tags"
        ? text.split(";")
        : text,
  ]);
  return {
    mac_prefix: "BC:24:11",
    "allowed-tags": [],
    ...Object.fromEntries(shown),
    description: stored(world).description
      ? `${stored(world).description}\n`
      : "",
  };
}

function setOptions(world, _path, { delete: dropped, ...values }) {
  if (values.migration && /network=(?![\d.]+\/\d+)/.test(values.migration))
    throw invalid({ migration: "network: invalid format - no valid CIDR" });
  Object.assign(stored(world), values);
  for (const key of words(dropped)) delete stored(world)[key];
  return null;
}

const all = (world) => (world.pools ??= new Map());

function pools(world, _path, { poolid }) {
  const row = ([id, { comment }]) => ({
    poolid: id,
    ...(comment && { comment }),
  });
  if (!poolid) return [...all(world)].map(row);
  const pool = all(world).get(poolid);
  if (!pool) throw { status: 500, message: `no such pool '${poolid}'` };
  const inside = world
    .resources()
    .filter(({ vmid, storage }) =>
      vmid ? pool.vms.has(String(vmid)) : pool.storage.has(storage),
    );
  return [{ ...row([poolid, pool]), members: inside }];
}

function create(world, _path, { poolid, comment }) {
  if (!/^[\w./-]+$/.test(poolid))
    throw invalid({ poolid: "invalid format - no valid pool name" });
  all(world).set(poolid, { comment, vms: new Set(), storage: new Set() });
  return null;
}

function update(world, _path, { poolid, comment, vms, storage, ...how }) {
  const pool = all(world).get(poolid);
  if (comment !== undefined) pool.comment = comment;
  for (const vmid of words(vms)) {
    if (how["allow-move"])
      for (const other of all(world).values()) other.vms.delete(vmid);
    if (how.delete) pool.vms.delete(vmid);
    else pool.vms.add(vmid);
  }
  for (const name of words(storage)) {
    if (how.delete) pool.storage.delete(name);
    else pool.storage.add(name);
  }
  return null;
}

function remove(world, _path, { poolid }) {
  const { vms, storage } = all(world).get(poolid);
  if (vms.size + storage.size > 0)
    throw { status: 500, message: `pool '${poolid}' is not empty` };
  all(world).delete(poolid);
  return null;
}

export const OPTION_ROUTES = {
  "GET /cluster/options": options,
  "PUT /cluster/options": setOptions,
  "GET /pools": pools,
  "POST /pools": create,
  "PUT /pools": update,
  "DELETE /pools": remove,
};
