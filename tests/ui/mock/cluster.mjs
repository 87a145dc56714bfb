// TEST CODE. The pretend cluster's membership: begun, joined, its nodes, links, witness and join tokens. A world without
// `membership` is one host by itself.
import { invalid } from "./wire.mjs";

const now = () => Math.floor(Date.now() / 1000);

/** Puts the world's nodes into a cluster; `more` is laid over what is said of it. */
export function makeCluster(world, more = {}) {
  world.membership = {
    name: "lab",
    quorate: 1,
    config: 4,
    links: new Map(),
    clocks: new Map(),
    votes: new Map(),
    witness: null,
    tokens: [],
    ...more,
  };
  return world;
}

function health(world) {
  const { membership, nodes, offlineNodes } = world;
  const votesOf = (node) => membership.votes.get(node) ?? 1;
  const sum = (names) => names.reduce((all, name) => all + votesOf(name), 0);
  const witness = membership.witness;
  const expected = sum(nodes) + (witness ? 1 : 0);
  const needed = Math.floor(expected / 2) + 1;
  const present =
    sum(nodes.filter((node) => !offlineNodes.has(node))) +
    (witness?.casts ? 1 : 0);
  return {
    votes: present,
    votes_needed: needed,
    votes_expected: expected,
    margin: present - needed,
    retransmits: 0,
    tokens_lost: 0,
    ...(witness && {
      qdevice: {
        votes: 1,
        registered: witness.registered ?? 1,
        alive: witness.casts,
        casts: witness.casts,
      },
    }),
  };
}

function link(world, node) {
  const connected = world.offlineNodes.has(node) ? 0 : 1;
  const good = { round_trip: 0.00042, loss: 0 };
  return { link: 0, connected, ups: 1, downs: 0, ...(connected && good) };
}

function status(world) {
  const { membership, nodes, offlineNodes } = world;
  const row = (name, i) => ({
    id: `node/${name}`,
    name,
    type: "node",
    nodeid: membership ? i + 1 : 0,
    level: "",
    online: offlineNodes.has(name) ? 0 : 1,
    local: i === 0 ? 1 : 0,
    ip: `10.99.0.${i + 1}`,
  });
  if (!membership) return [row(nodes[0], 0)];
  return [
    {
      id: "cluster",
      name: membership.name,
      type: "cluster",
      version: membership.config,
      nodes: nodes.length,
      quorate: membership.quorate,
      ...(!membership.untold && { health: health(world) }),
    },
    ...nodes.map((name, i) => ({
      ...row(name, i),
      ...(i > 0 &&
        !membership.untold && {
          health: {
            links: membership.links.get(name) ?? [link(world, name)],
            clock_offset: membership.clocks.get(name) ?? 0.003,
            clock_error: 0.001,
          },
        }),
    })),
  ];
}

function nodes({ membership, nodes: names }) {
  if (!membership) return [];
  return names.map((name, i) => ({
    node: name,
    name,
    nodeid: String(i + 1),
    quorum_votes: String(membership.votes.get(name) ?? 1),
    ring0_addr: `10.99.0.${i + 1}`,
    ...(membership.rings > 1 && { ring1_addr: `fd00:99::${i + 1}` }),
  }));
}

function remove(world, { node }) {
  if (!world.offlineNodes.has(node))
    throw { status: 500, message: `node '${node}' is online; switch it off` };
  world.nodes = world.nodes.filter((name) => name !== node);
  return null;
}

function create(world, _path, { clustername, link0 }) {
  if (!/^[a-z0-9-]{1,15}$/i.test(clustername))
    throw invalid({ clustername: "invalid format - no valid cluster name" });
  if (link0 && !/^[\d.]+$/.test(link0))
    throw invalid({ link0: "address: this host has no such address" });
  return world.task("clustercreate", clustername, ["writing"], () =>
    makeCluster(world, { name: clustername }),
  );
}

function join(world, _path, { token }) {
  world.joinedWith = token;
  return world.task("clusterjoin", "", ["asking"], () => {
    throw "VM 100 exists here and in cluster 'lab'";
  });
}

const tokens = ({ membership }) => membership?.tokens ?? [];

function createToken({ membership }, _path, { expires }) {
  const token = {
    id: `00112233445566${77 + membership.tokens.length}`,
    created: now(),
    expires: now() + Number(expires),
    by: "root@pam",
  };
  membership.tokens.push(token);
  const said = {
    a: ["10.99.0.1"],
    f: "5a".repeat(32),
    i: token.id,
    s: "it-opens-the-door",
  };
  const word = Buffer.from(JSON.stringify(said)).toString("base64url");
  return { token: `hfj1.${word}`, id: token.id, expires: token.expires };
}

function deleteToken({ membership }, { id }) {
  membership.tokens = membership.tokens.filter((token) => token.id !== id);
  return null;
}

const witness = ({ membership }) =>
  membership?.witness
    ? {
        Model: "Net",
        State: membership.witness.casts ? "Connected" : "Connect failed",
        "QNetd host": "10.99.0.50:5403",
        Algorithm: "Fifty-Fifty split",
      }
    : {};

export const CLUSTER_ROUTES = {
  "GET /cluster/status": status,
  "GET /cluster/config/nodes": nodes,
  "DELETE /cluster/config/nodes/{node}": remove,
  "GET /cluster/config/qdevice": witness,
  "POST /cluster/config": create,
  "PUT /cluster/config/join": join,
  "GET /cluster/config/jointoken": tokens,
  "POST /cluster/config/jointoken": createToken,
  "DELETE /cluster/config/jointoken/{id}": deleteToken,
};
