// TEST CODE. Realms of the pretend cluster; what a realm needs depends on its type, as on a real one.
import { invalid } from "./wire.mjs";

const NEEDED = {
  ldap: ["base_dn", "server1", "user_attr"],
  ad: ["domain", "server1"],
  openid: ["client-id", "issuer-url"],
};
const SECRETS = ["password", "client-key"];

/** What anybody may read. */
function list({ realms }) {
  return realms.map(({ realm, type, comment, default: first }) => ({
    realm,
    type,
    ...(comment && { comment }),
    ...(first && { default: 1 }),
  }));
}

function found({ realms }, name) {
  const one = realms.find(({ realm }) => realm === name);
  if (!one) throw { status: 404, message: `domain '${name}' does not exist` };
  return one;
}

function read(world, { realm }) {
  const { realm: _name, ...options } = found(world, realm);
  for (const name of SECRETS) delete options[name];
  return {
    ...options,
    digest: JSON.stringify(world.realms).length.toString(16),
  };
}

function check(type, options) {
  const missing = (NEEDED[type] ?? []).filter((name) => !options[name]);
  if (missing.length > 0)
    throw invalid(
      Object.fromEntries(missing.map((name) => [name, "is needed"])),
    );
  if (options.server1?.includes(" "))
    throw invalid({ server1: "value does not look like an address" });
}

function oneDefault(world, newest) {
  if (String(newest.default) !== "1") return;
  for (const realm of world.realms) if (realm !== newest) delete realm.default;
}

function create(world, _path, { realm, type, ...options }) {
  if (world.realms.some((one) => one.realm === realm))
    throw { status: 409, message: `domain '${realm}' already exists` };
  check(type, options);
  const made = { realm, type, ...options };
  world.realms.push(made);
  oneDefault(world, made);
  return null;
}

function change(world, { realm }, { delete: gone = "", digest, ...options }) {
  const one = found(world, realm);
  if (digest !== read(world, { realm }).digest)
    throw { status: 409, message: "the file was changed by somebody else" };
  const next = { ...one, ...options };
  for (const name of gone.split(",")) delete next[name];
  check(one.type, next);
  for (const name of Object.keys(one)) delete one[name];
  Object.assign(one, next);
  oneDefault(world, one);
  return null;
}

function remove(world, { realm }) {
  found(world, realm);
  world.realms = world.realms.filter((one) => one.realm !== realm);
  return null;
}

export const REALM_ROUTES = {
  "GET /access/domains": list,
  "POST /access/domains": create,
  "GET /access/domains/{realm}": read,
  "PUT /access/domains/{realm}": change,
  "DELETE /access/domains/{realm}": remove,
};
