// TEST CODE. Configurations of the pretend cluster's guests that change; what a running guest cannot take waits.
import { invalid } from "./wire.mjs";

const WAITS = /^(memory|cores|sockets|cpu|ide\d)$/;

function pending(kind) {
  return (world, { vmid }) => {
    const { config, waiting = {} } = world.guest(kind, vmid);
    const keys = [
      ...new Set([...Object.keys(config), ...Object.keys(waiting)]),
    ];
    return keys.map((key) => ({
      key,
      ...(key in config && { value: String(config[key]) }),
      ...(waiting[key] === null && { delete: 1 }),
      ...(waiting[key] && { pending: waiting[key] }),
    }));
  };
}

function set(guest, key, value) {
  if (guest.running && WAITS.test(key)) {
    guest.waiting = { ...guest.waiting, [key]: value };
  } else if (value === null) {
    const owned = /^(scsi|virtio|sata|mp)\d/.test(key);
    if (owned) guest.config.unused0 = guest.config[key].split(",")[0];
    delete guest.config[key];
  } else {
    guest.config[key] = value;
  }
}

function change(kind) {
  return (world, { vmid }, { delete: gone = "", revert = "", ...values }) => {
    const guest = world.guest(kind, vmid);
    if (Number(values.memory ?? 16) < 16)
      throw invalid({ memory: "value must have a minimum value of 16" });
    if (values.net0 && !/bridge=vmbr\d/.test(values.net0))
      throw invalid({ net0: "bridge 'nowhere' does not exist" });
    if (
      /^(?!dhcp|\d+(\.\d+){3}\/\d+)/.test(
        /ip=([^,]*)/.exec(values.ipconfig0)?.[1] ?? "dhcp",
      )
    )
      throw invalid({ ipconfig0: "ip: invalid format - no valid address" });
    if (values.cipassword) values.cipassword = "**********";
    for (const key of revert.split(",")) delete guest.waiting?.[key];
    const made = () => {
      for (const [key, value] of Object.entries(values)) {
        const asked =
          /^([\w-]+):(\d+|cloudinit)(?:,import-from=[^,]+)?(.*)$/.exec(value);
        const volume = asked && `${asked[1]}:vm-${vmid}-disk-1${asked[3]}`;
        set(
          guest,
          key,
          asked?.[2] === "cloudinit"
            ? `${asked[1]}:vm-${vmid}-cloudinit,media=cdrom,size=4M`
            : asked
              ? `${volume},size=${asked[2]}G`
              : value,
        );
      }
      for (const key of gone.split(",").filter(Boolean)) set(guest, key, null);
    };
    const isSlow = Object.values(values).some((v) =>
      /^[\w-]+:(\d+|cloudinit)/.test(v),
    );
    if (kind === "qemu" && isSlow)
      return world.task("qmconfig", vmid, ["making volumes"], made);
    made();
    return null;
  };
}

function grow(kind) {
  return (world, { vmid }, { disk, size }) => {
    const guest = world.guest(kind, vmid);
    const more = Number(/^\+(\d+)G$/.exec(size)[1]);
    if (more > 1000) throw invalid({ size: "there is no space for that" });
    return world.task("resize", vmid, ["growing"], () => {
      guest.config[disk] = guest.config[disk].replace(
        /size=(\d+)G/,
        (_all, had) => `size=${Number(had) + more}G`,
      );
    });
  };
}

function move(kind, name) {
  return (world, { vmid }, { storage, format, delete: gone, ...which }) => {
    const guest = world.guest(kind, vmid);
    const disk = which[name];
    const [old, ...options] = guest.config[disk].split(",");
    if (old.startsWith(`${storage}:`) && !format)
      throw invalid({ storage: "it is there already, in this format" });
    if (storage === "cramped")
      throw invalid({ storage: "there is no space for that" });
    return world.task("qmmove", vmid, ["copying"], () => {
      const volume = `${storage}:vm-${vmid}-disk-7${format ? `.${format}` : ""}`;
      guest.config[disk] = [volume, ...options].join(",");
      if (gone !== "1") guest.config.unused0 = old;
    });
  };
}

export function hardwareRoutes(kind) {
  const base = `/nodes/{node}/${kind}/{vmid}`;
  const [order, name] =
    kind === "qemu" ? ["move_disk", "disk"] : ["move_volume", "volume"];
  return {
    [`POST ${base}/${order}`]: move(kind, name),
    [`GET ${base}/pending`]: pending(kind),
    [`POST ${base}/config`]: change(kind),
    [`PUT ${base}/config`]: change(kind),
    [`PUT ${base}/resize`]: grow(kind),
  };
}
