/** Guests and storages that are administered together. */
import { client } from "./client";
import { type Fields, rows } from "./wire";

export interface PoolMember {
  kind: "guest" | "storage";
  /** The guest's id, the storage's name. */
  id: string;
  name: string;
}

export interface Pool {
  id: string;
  comment: string;
}

export async function getPools(): Promise<Pool[]> {
  return rows(await client.call("GET /pools", {})).map((wire) => ({
    id: wire.text("poolid"),
    comment: wire.text("comment"),
  }));
}

/** A storage is told once for each node that has it. */
export async function getPoolMembers(poolid: string): Promise<PoolMember[]> {
  const wire = rows(await client.call("GET /pools", { poolid }))[0];
  const members = rows(wire?.raw("members")).map(memberFromWire);
  return [...new Map(members.map((member) => [`${member.kind} ${member.id}`, member])).values()];
}

function memberFromWire(wire: Fields): PoolMember {
  if (wire.text("type") === "storage") {
    return { kind: "storage", id: wire.text("storage"), name: wire.text("storage") };
  }
  return { kind: "guest", id: wire.text("vmid"), name: wire.text("name") || wire.text("vmid") };
}

export async function createPool(poolid: string, comment: string): Promise<void> {
  await client.call("POST /pools", { poolid, ...(comment && { comment }) });
}

export async function describePool(poolid: string, comment: string): Promise<void> {
  await client.call("PUT /pools", { poolid, comment });
}

/** Puts something into a pool, or takes it out. A guest that is in another pool moves. */
export async function setMember(poolid: string, kind: PoolMember["kind"], id: string, inside: boolean): Promise<void> {
  const what = kind === "guest" ? { vms: id } : { storage: id };
  await client.call("PUT /pools", { poolid, ...what, ...(inside ? { "allow-move": true } : { delete: true }) });
}

/** Only an empty one. */
export async function deletePool(poolid: string): Promise<void> {
  await client.call("DELETE /pools", { poolid });
}
