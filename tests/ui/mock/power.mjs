// TEST CODE. What is done with guests of the pretend cluster beyond starting and stopping them.
export function powerRoutes(kind) {
  const base = `/nodes/{node}/${kind}/{vmid}`;
  const prefix = kind === "qemu" ? "qm" : "vz";
  const task =
    (type, effect = () => undefined) =>
    (world, { vmid }, params) => {
      const guest = world.guest(kind, vmid);
      return world.task(`${prefix}${type}`, vmid, [`${type} ${vmid}`], () =>
        effect(guest, params),
      );
    };
  const template = (guest) => (guest.config.template = 1);
  const shared = {
    [`POST ${base}/status/reboot`]: task("reboot", (guest) => {
      guest.startedAt = Math.floor(Date.now() / 1000);
    }),
  };
  if (kind === "lxc") {
    return {
      ...shared,
      [`GET ${base}/interfaces`]: () => [
        { name: "lo", inet: "127.0.0.1/8", inet6: "::1/128" },
        { name: "eth0", inet: "192.0.2.53/24", inet6: "2001:db8::53/64" },
      ],
      [`POST ${base}/template`]: (world, { vmid }) => {
        template(world.guest(kind, vmid));
        return null;
      },
    };
  }
  return {
    ...shared,
    [`GET ${base}/agent/network-get-interfaces`]: (world, { vmid }) => {
      if (world.silentAgents?.has(Number(vmid)))
        throw { status: 500, message: "QEMU guest agent is not running" };
      const addresses = ["192.0.2.80", "fe80::80"].map((address) => ({
        "ip-address": address,
        prefix: 24,
      }));
      return { result: [{ name: "ens18", "ip-addresses": addresses }] };
    },
    [`POST ${base}/status/reset`]: task("reset"),
    [`POST ${base}/status/suspend`]: task("suspend", (guest, { todisk }) => {
      if (todisk === "1") {
        guest.running = false;
        guest.lock = "suspended";
      } else guest.paused = true;
    }),
    [`POST ${base}/status/resume`]: task("resume", (guest) => {
      guest.paused = false;
    }),
    [`POST ${base}/template`]: task("template", template),
  };
}
