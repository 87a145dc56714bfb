// TEST CODE. Users, tokens, roles and permissions of the pretend cluster.
import { randomUUID } from "node:crypto";
import { invalid } from "./wire.mjs";

export function makePeople() {
  return {
    about: new Map([["root@pam", { comment: "the host's administrator" }]]),
    tokens: [],
    groups: new Map(),
    roles: [
      {
        roleid: "Administrator",
        privs: "Datastore.Audit,Sys.Audit,VM.Audit,VM.Console,VM.PowerMgmt",
        special: 1,
      },
      {
        roleid: "PVEVMUser",
        privs: "VM.Audit,VM.Console,VM.PowerMgmt",
        special: 1,
      },
    ],
    acl: [],
  };
}

function list({ users, people }) {
  return [...users.keys()].map((userid) => ({
    userid,
    enable: 1,
    expire: 0,
    ...people.about.get(userid),
    tokens: people.tokens.filter((token) => token.userid === userid),
  }));
}

function create({ users, people }, _path, { userid, password, ...about }) {
  if (!/^[^@\s]+@(pam|pve)$/.test(userid))
    throw invalid({ userid: "value does not look like a valid user name" });
  if (users.has(userid))
    throw {
      status: 500,
      message: `create user failed: user '${userid}' already exists`,
    };
  users.set(userid, { password, factors: [], recovery: [] });
  people.about.set(userid, about);
  return null;
}

function change({ people }, { userid }, { enable, groups, ...about }) {
  if (about.email && !about.email.includes("@"))
    throw invalid({ email: "value does not look like a valid email address" });
  people.about.set(userid, {
    ...people.about.get(userid),
    ...about,
    ...(enable && { enable: Number(enable) }),
    ...(groups !== undefined && { groups }),
  });
  return null;
}

function groups({ people }) {
  const members = (groupid) =>
    [...people.about]
      .filter(([, about]) => about.groups?.split(",").includes(groupid))
      .map(([userid]) => userid);
  return [...people.groups].map(([groupid, comment]) => ({
    groupid,
    comment,
    users: members(groupid).join(","),
  }));
}

function addGroup({ people }, _path, { groupid, comment = "" }) {
  if (!/^[\w.-]+$/.test(groupid))
    throw invalid({ groupid: "value does not look like a valid group name" });
  people.groups.set(groupid, comment);
  return null;
}

function removeGroup({ people }, { groupid }) {
  people.groups.delete(groupid);
  return null;
}

function remove({ users, people }, { userid }) {
  users.delete(userid);
  people.tokens = people.tokens.filter((token) => token.userid !== userid);
  people.acl = people.acl.filter((entry) => !entry.ugid.startsWith(userid));
  return null;
}

function createToken({ people }, { userid, tokenid }, { privsep, comment }) {
  people.tokens.push({ userid, tokenid, comment, privsep: Number(privsep) });
  return {
    "full-tokenid": `${userid}!${tokenid}`,
    value: randomUUID(),
    info: {},
  };
}

function removeToken({ people }, { userid, tokenid }) {
  people.tokens = people.tokens.filter(
    (token) => token.userid !== userid || token.tokenid !== tokenid,
  );
  return null;
}

function createRole({ people }, _path, { roleid, privs }) {
  people.roles.push({ roleid, privs });
  return null;
}

function removeRole({ people }, { roleid }) {
  people.roles = people.roles.filter((role) => role.roleid !== roleid);
  return null;
}

function setAcl({ people }, _path, values) {
  const { path, roles, users, groups, tokens, propagate = "1" } = values;
  if (!path.startsWith("/")) throw invalid({ path: "invalid ACL path" });
  const type = users ? "user" : groups ? "group" : "token";
  const ugid = users ?? groups ?? tokens;
  const entry = { path, type, ugid, roleid: roles };
  people.acl = people.acl.filter(
    (old) =>
      JSON.stringify({ ...old, propagate: 0 }) !==
      JSON.stringify({ ...entry, propagate: 0 }),
  );
  if (!values.delete)
    people.acl.push({ ...entry, propagate: Number(propagate) });
  return null;
}

const ALL = ["Sys.Audit", "Sys.Console", "Sys.Modify", "VM.Audit"];

/** root has all that a test asks for, others what their grants at that path or above it say. */
function rights({ people, rightsOfRoot = ALL }, _path, { path }, caller) {
  const above = (at) => at === "/" || path === at || path.startsWith(`${at}/`);
  const granted = people.acl
    .filter(({ ugid, path: at }) => ugid === caller && above(at))
    .flatMap(({ roleid }) =>
      people.roles.find((role) => role.roleid === roleid).privs.split(","),
    );
  const held = caller === "root@pam" ? rightsOfRoot : granted;
  return { [path]: Object.fromEntries(held.map((name) => [name, 1])) };
}

export const PEOPLE_ROUTES = {
  "GET /access/permissions": rights,
  "GET /access/users": list,
  "POST /access/users": create,
  "PUT /access/users/{userid}": change,
  "DELETE /access/users/{userid}": remove,
  "POST /access/users/{userid}/token/{tokenid}": createToken,
  "DELETE /access/users/{userid}/token/{tokenid}": removeToken,
  "GET /access/roles": ({ people }) => people.roles,
  "POST /access/roles": createRole,
  "DELETE /access/roles/{roleid}": removeRole,
  "GET /access/groups": groups,
  "POST /access/groups": addGroup,
  "PUT /access/groups/{groupid}": ({ people }, { groupid }, { comment }) => {
    people.groups.set(groupid, comment);
    return null;
  },
  "DELETE /access/groups/{groupid}": removeGroup,
  "GET /access/acl": ({ people }) => people.acl,
  "PUT /access/acl": setAcl,
};
