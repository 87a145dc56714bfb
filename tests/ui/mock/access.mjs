// TEST CODE. Log-in and the users' own accounts: passwords, realms, second factors. Signatures of security keys are
// not checked here; the real node does that.
import { REALM_ROUTES } from "./realms.mjs";
import { randomBytes } from "node:crypto";
import { PERIOD_MS, totp } from "../totp.mjs";
import { invalid } from "./wire.mjs";

export const PASSWORD = "secret";

const failure = { status: 401, message: "authentication failure" };
const stamp = () =>
  Math.floor(Date.now() / 1000)
    .toString(16)
    .toUpperCase();

export function makeUsers() {
  const user = (password) => ({ password, factors: [], recovery: [] });
  return new Map([
    ["root@pam", user(PASSWORD)],
    ["walker@pve", user("walker-secret")],
  ]);
}

/** Give a user factors without the dialogs. Returns what a test needs to use them. */
export function equip(
  world,
  userid,
  { secret, recovery = [], keys = [], rpId },
) {
  const user = world.users.get(userid);
  const created = Math.floor(Date.now() / 1000) - 86400;
  if (secret) {
    const description = "Phone";
    user.factors.push({ id: "t1", type: "totp", description, created, secret });
  }
  for (const id of keys) {
    const description = "Blue key";
    user.factors.push({ id, type: "webauthn", description, created });
  }
  user.recovery = [...recovery];
  user.rpId = rpId;
}

function fullTicket(world, userid) {
  const ticket = `PVE:${userid}:${stamp()}::${randomBytes(24).toString("base64")}`;
  world.tickets.add(ticket);
  return {
    username: userid,
    ticket,
    CSRFPreventionToken: world.csrf,
    cap: {},
  };
}

const keysOf = (user) => user.factors.filter(({ type }) => type === "webauthn");
const hasTotp = (user) => user.factors.some(({ type }) => type === "totp");

function halfTicket(world, userid, user) {
  const told = {};
  if (hasTotp(user)) told.totp = true;
  if (user.recovery.length > 0) told.recovery = user.recovery.map((_, i) => i);
  if (keysOf(user).length > 0) {
    told.webauthn = {
      publicKey: {
        challenge: randomBytes(32).toString("base64url"),
        rpId: user.rpId ?? "localhost",
        allowCredentials: keysOf(user).map(({ id }) => ({
          type: "public-key",
          id,
        })),
        userVerification: "discouraged",
      },
    };
  }
  const json = JSON.stringify(told).replaceAll("%", "%25");
  const ticket = `PVE:!tfa!${json.replaceAll(":", "%3A")}:${stamp()}::c2ln`;
  world.challenges.set(ticket, { userid, told });
  return {
    username: userid,
    ticket,
    CSRFPreventionToken: world.csrf,
    NeedTFA: 1,
  };
}

/** The secret's time step that has this code, later than the last one used. */
function stepOf(factor, value) {
  const here = Math.floor(Date.now() / PERIOD_MS);
  return [here, here - 1, here + 1].find(
    (step) =>
      step > (factor.last ?? -1) &&
      totp(factor.secret, step * PERIOD_MS) === value,
  );
}

function useCode(user, value) {
  for (const factor of user.factors.filter(({ type }) => type === "totp")) {
    const step = stepOf(factor, value);
    if (step !== undefined) {
      factor.last = step;
      return true;
    }
  }
  return false;
}

function useRecovery(user, value) {
  const left = user.recovery.filter((key) => key !== value);
  const found = left.length < user.recovery.length;
  user.recovery = left;
  return found;
}

function signed(value, type, challenge) {
  const { id, response } = JSON.parse(value);
  const client = JSON.parse(
    Buffer.from(response.clientDataJSON, "base64url").toString(),
  );
  return client.type === type && client.challenge === challenge ? id : null;
}

function complete(world, { password, "tfa-challenge": ticket }) {
  const { userid, told } = world.challenges.get(ticket) ?? {};
  const user = world.users.get(userid);
  if (!user) throw failure;
  const [type] = password.split(":", 1);
  const value = password.slice(type.length + 1);
  const right = {
    totp: () => useCode(user, value),
    recovery: () => useRecovery(user, value),
    webauthn: () => {
      const { challenge } = told.webauthn.publicKey;
      const id = signed(value, "webauthn.get", challenge);
      return keysOf(user).some((factor) => factor.id === id);
    },
  }[type]();
  if (!right) throw failure;
  return fullTicket(world, userid);
}

function logIn(world, _path, params) {
  const { username = "", realm, password = "" } = params;
  const userid = username.includes("@")
    ? username
    : `${username}@${realm ?? "pam"}`;
  if (params["tfa-challenge"]) return complete(world, params);
  if (password.startsWith("PVE:") && world.tickets.has(password))
    return fullTicket(world, userid);
  const user = world.users.get(userid);
  if (!user || user.password !== password) throw failure;
  const second = user.factors.length > 0 || user.recovery.length > 0;
  return second ? halfTicket(world, userid, user) : fullTicket(world, userid);
}

function confirmed(world, caller, password) {
  if (caller === "root@pam") return;
  if (world.users.get(caller).password !== password) {
    throw {
      status: 500,
      message: "authentication failure: that is not your password",
    };
  }
}

function changePassword(world, _path, params, caller) {
  if (params.password.length < 8)
    throw invalid({ password: "value must be at least 8 characters long" });
  confirmed(world, caller, params["confirmation-password"]);
  world.users.get(params.userid).password = params.password;
  return null;
}

function listFactors(world, { userid }) {
  const { factors, recovery } = world.users.get(userid);
  const entry = { id: "recovery", type: "recovery", created: 1_790_000_000 };
  return [
    ...factors.map(({ secret, last, ...told }) => told),
    ...(recovery.length > 0 ? [{ ...entry, description: "keys" }] : []),
  ];
}

function addFactor(world, { userid }, params, caller) {
  confirmed(world, caller, params.password);
  const user = world.users.get(userid);
  const { type, description = "", value } = params;
  const id = randomBytes(8).toString("hex");
  const created = Math.floor(Date.now() / 1000);
  if (type === "recovery") {
    const four = () => randomBytes(2).toString("hex");
    user.recovery = [...Array(10)].map(() =>
      [four(), four(), four(), four()].join("-"),
    );
    return { id: "recovery", recovery: user.recovery };
  }
  if (type === "totp") {
    const secret = new URL(params.totp).searchParams.get("secret");
    const factor = { id, type, description, created, secret };
    factor.last = stepOf(factor, value);
    if (factor.last === undefined)
      throw invalid({ value: "that is not the present code of this secret" });
    user.factors.push(factor);
    return { id };
  }
  if (!value) {
    user.registration = randomBytes(32).toString("base64url");
    const publicKey = {
      rp: { id: user.rpId ?? "localhost", name: "localhost" },
      user: {
        id: Buffer.from(userid).toString("base64url"),
        name: userid,
        displayName: userid,
      },
      challenge: user.registration,
      pubKeyCredParams: [{ type: "public-key", alg: -7 }],
      excludeCredentials: keysOf(user).map((factor) => ({
        type: "public-key",
        id: factor.id,
      })),
      authenticatorSelection: { userVerification: "discouraged" },
    };
    return { id: "", challenge: JSON.stringify({ publicKey }) };
  }
  const key = signed(value, "webauthn.create", user.registration);
  if (!key || params.challenge !== user.registration)
    throw invalid({ challenge: "no registration was begun with it" });
  user.factors.push({ id: key, type, description, created });
  return { id: key };
}

function removeFactor(world, { userid, id }, { password }, caller) {
  confirmed(world, caller, password);
  const user = world.users.get(userid);
  if (id === "recovery") user.recovery = [];
  else user.factors = user.factors.filter((factor) => factor.id !== id);
  return null;
}

/** Served to anybody. */
export const OPEN = new Set(["/access/ticket", "/access/domains"]);

export const ACCESS_ROUTES = {
  "POST /access/ticket": logIn,
  ...REALM_ROUTES,
  "PUT /access/password": changePassword,
  "GET /access/tfa/{userid}": listFactors,
  "POST /access/tfa/{userid}": addFactor,
  "DELETE /access/tfa/{userid}/{id}": removeFactor,
};
