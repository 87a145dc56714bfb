/** Users, their API tokens, roles, and who may do what where. */
import { client, type Params } from "./client";
import { rows } from "./wire";

export interface Token {
  /** `root@pam!backup`. */
  id: string;
  user: string;
  name: string;
  comment: string;
  /** Unix seconds; null: never. */
  expiresS: number | null;
  /** It has rights of its own only; otherwise all of its user's. */
  separate: boolean;
}

export interface User {
  id: string;
  enabled: boolean;
  expiresS: number | null;
  firstName: string;
  lastName: string;
  email: string;
  comment: string;
  groups: readonly string[];
  tokens: readonly Token[];
}

export interface Role {
  id: string;
  privileges: readonly string[];
  /** Built in: it can be used, not changed. */
  builtIn: boolean;
}

export type Holder = "user" | "group" | "token";

/** A role that somebody has at a path, and below it where `propagate` says so. */
export interface Grant {
  path: string;
  kind: Holder;
  holder: string;
  role: string;
  propagate: boolean;
}

const date = (seconds: number | null) => (seconds === null || seconds === 0 ? null : seconds);

export async function getUsers(): Promise<User[]> {
  return rows(await client.call("GET /access/users", { full: true })).map((wire) => {
    const id = wire.text("userid");
    return {
      id,
      enabled: !wire.has("enable") || wire.bool("enable"),
      expiresS: date(wire.numOrNull("expire")),
      firstName: wire.text("firstname"),
      lastName: wire.text("lastname"),
      email: wire.text("email"),
      comment: wire.text("comment"),
      groups: wire.list("groups"),
      tokens: rows(wire.raw("tokens")).map((token) => ({
        id: `${id}!${token.text("tokenid")}`,
        user: id,
        name: token.text("tokenid"),
        comment: token.text("comment"),
        expiresS: date(token.numOrNull("expire")),
        separate: !token.has("privsep") || token.bool("privsep"),
      })),
    };
  });
}

export interface NewUser {
  id: string;
  password: string;
  comment: string;
  email: string;
}

export async function createUser({ id, password, comment, email }: NewUser): Promise<void> {
  await client.call("POST /access/users", {
    userid: id,
    ...(password && { password }),
    ...(comment && { comment }),
    ...(email && { email }),
  });
}

/** A user who is switched off cannot log in, and so cannot his tokens. */
export async function enableUser(userid: string, enable: boolean): Promise<void> {
  await client.call("PUT /access/users/{userid}", { userid, enable });
}

export interface UserChange {
  firstName: string;
  lastName: string;
  email: string;
  comment: string;
  /** All that the user is to be in. */
  groups: readonly string[];
}

export async function changeUser(userid: string, change: UserChange): Promise<void> {
  const { firstName, lastName, email, comment, groups } = change;
  const params = { userid, firstname: firstName, lastname: lastName, email, comment, groups: groups.join(",") };
  await client.call("PUT /access/users/{userid}", params as Params<"PUT /access/users/{userid}">);
}

export async function deleteUser(userid: string): Promise<void> {
  await client.call("DELETE /access/users/{userid}", { userid });
}

export interface NewToken {
  user: string;
  name: string;
  comment: string;
  separate: boolean;
}

/** The token's secret: the server tells it this once. */
export async function createToken({ user, name, comment, separate }: NewToken): Promise<string> {
  const params = { userid: user, tokenid: name, privsep: separate, ...(comment && { comment }) };
  return (await client.call("POST /access/users/{userid}/token/{tokenid}", params)).value;
}

export async function deleteToken({ user, name }: Token): Promise<void> {
  await client.call("DELETE /access/users/{userid}/token/{tokenid}", { userid: user, tokenid: name });
}

export async function getRoles(): Promise<Role[]> {
  return rows(await client.call("GET /access/roles", {})).map((wire) => ({
    id: wire.text("roleid"),
    privileges: wire.list("privs").sort(),
    builtIn: wire.bool("special"),
  }));
}

export async function createRole(roleid: string, privileges: readonly string[]): Promise<void> {
  await client.call("POST /access/roles", { roleid, privs: privileges.join(",") });
}

export async function deleteRole(roleid: string): Promise<void> {
  await client.call("DELETE /access/roles/{roleid}", { roleid });
}

export interface Group {
  id: string;
  comment: string;
  members: readonly string[];
}

export async function getGroups(): Promise<Group[]> {
  return rows(await client.call("GET /access/groups", {})).map((wire) => ({
    id: wire.text("groupid"),
    comment: wire.text("comment"),
    members: wire.list("users"),
  }));
}

export async function createGroup(groupid: string, comment: string): Promise<void> {
  await client.call("POST /access/groups", { groupid, ...(comment && { comment }) });
}

/** Who is in it is said at the users. */
export async function describeGroup(groupid: string, comment: string): Promise<void> {
  await client.call("PUT /access/groups/{groupid}", { groupid, comment });
}

export async function deleteGroup(groupid: string): Promise<void> {
  await client.call("DELETE /access/groups/{groupid}", { groupid });
}

export async function getGrants(): Promise<Grant[]> {
  return rows(await client.call("GET /access/acl", {})).map((wire) => ({
    path: wire.text("path"),
    kind: wire.text("type") as Holder,
    holder: wire.text("ugid"),
    role: wire.text("roleid"),
    propagate: !wire.has("propagate") || wire.bool("propagate"),
  }));
}

/** Give a role at a path, or take it away. */
export async function setGrant({ path, kind, holder, role, propagate }: Grant, given: boolean): Promise<void> {
  await client.call("PUT /access/acl", {
    path,
    roles: role,
    [`${kind}s`]: holder,
    ...(given ? { propagate } : { delete: true }),
  });
}
