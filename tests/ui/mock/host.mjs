// TEST CODE. The host below a node of the pretend cluster: disks, services, clock, names, network, packages, journal.
import { invalid } from "./wire.mjs";

const GIB = 1024 ** 3;

function disk(devpath, sizeGib, more = {}) {
  const known = {
    model: "QEMU_HARDDISK",
    vendor: "ATA",
    serial: "S-" + devpath.slice(-1),
  };
  const whole = {
    ...known,
    wwn: "unknown",
    rpm: 0,
    health: "PASSED",
    wearout: "N/A",
  };
  return {
    devpath,
    type: "ssd",
    size: sizeGib * GIB,
    gpt: 0,
    mounted: 0,
    osdid: -1,
    "osdid-list": null,
    ...(!more.parent && whole),
    ...more,
  };
}

export function makeHost() {
  return {
    disks: [
      disk("/dev/sda", 100, { gpt: 1, used: "partitions", wearout: 97 }),
      disk("/dev/sda1", 1, { parent: "/dev/sda", used: "EFI", mounted: 1 }),
      disk("/dev/sda2", 99, { parent: "/dev/sda", used: "LVM" }),
      disk("/dev/sdb", 500),
      disk("/dev/sdc", 500, { wearout: 7 }),
      disk("/dev/sdd", 250, { used: "ext4", health: "FAILED" }),
    ],
    folders: [],
    groups: [
      {
        name: "system",
        size: 99 * GIB,
        free: 10 * GIB,
        leaf: 0,
        children: [
          { name: "/dev/sda2", size: 99 * GIB, free: 10 * GIB, leaf: 1 },
        ],
      },
    ],
    thin: [
      {
        vg: "system",
        lv: "data",
        lv_size: 60 * GIB,
        used: 21 * GIB,
        metadata_size: GIB,
        metadata_used: GIB / 10,
      },
    ],
    zfs: [],
    services: [
      [
        "pveproxy",
        "hostd-nginx",
        "Holdfast web server",
        "active",
        "running",
        "enabled",
      ],
      ["chrony", "chrony", "NTP client", "active", "running", "enabled"],
      [
        "sshd",
        "ssh",
        "OpenBSD Secure Shell server",
        "inactive",
        "dead",
        "disabled",
      ],
      [
        "pvestatd",
        "hostd-statd",
        "Holdfast statistics",
        "failed",
        "failed",
        "enabled",
      ],
      [
        "postfix",
        "postfix",
        "postfix (not installed)",
        "inactive",
        "dead",
        "not-found",
      ],
    ].map(([service, name, desc, active, state, unit]) => ({
      service,
      name,
      desc,
      state,
      "active-state": active,
      "unit-state": unit,
    })),
    zone: "Europe/Vienna",
    dns: { search: "example.test", dns1: "192.0.2.53" },
    hosts: {
      data: "127.0.0.1 localhost\n192.0.2.10 pve1.example.test pve1\n",
      digest: "d1",
    },
    journal: Array.from(
      { length: 120 },
      (_, i) =>
        `Nov 30 06:${String(Math.floor(i / 60)).padStart(2, "0")}:${String(i % 60).padStart(2, "0")} pve1 hostd[7]: line ${i}`,
    ),
    updates: [],
    changes: "",
  };
}

const hostOf = (world) => (world.host ??= makeHost());

function findDisk(world, path) {
  const found = hostOf(world).disks.find(({ devpath }) => devpath === path);
  if (!found) throw invalid({ disk: `'${path}' is no disk of this host` });
  return found;
}

function wipe(world, _path, { disk: path }) {
  const { disks } = hostOf(world);
  const gone = disks.filter((d) => d.devpath === path || d.parent === path);
  const holds = gone.find(({ mounted, used }) => mounted || used === "LVM");
  if (holds)
    throw {
      status: 500,
      message: `'${holds.devpath}' is in use (${holds.used}); remove what uses it first`,
    };
  return world.task("wipedisk", path.slice(5), [`wiping ${path}`], () => {
    const found = findDisk(world, path);
    delete found.used;
    found.gpt = 0;
    hostOf(world).disks = disks.filter(({ parent }) => parent !== path);
  });
}

function init(world, _path, { disk: path }) {
  findDisk(world, path);
  return world.task("diskinit", path.slice(5), ["sgdisk"], () => {
    findDisk(world, path).gpt = 1;
  });
}

/** `add` gets the host, the parameters and the paths of the disks. */
function make(type, use, add) {
  return (world, _path, params) => {
    const paths = (params.devices ?? params.device).split(",");
    if (!/^[a-z][a-z0-9._-]*$/i.test(params.name))
      throw invalid({
        name: `invalid format - storage ID '${params.name}' contains illegal characters`,
      });
    world.made = { type, ...params };
    return world.task(type, params.name, [`using ${paths}`], () => {
      for (const path of paths) findDisk(world, path).used = use;
      add(hostOf(world), params, paths);
    });
  };
}

function remove(type, list, nameOf) {
  return (world, { name }, params) => {
    world.removed = { type, name, ...params };
    return world.task(type, name, [`removing ${name}`], () => {
      const host = hostOf(world);
      host[list] = host[list].filter((each) => nameOf(each) !== name);
    });
  };
}

function act(verb, active, state) {
  return (world, { service }) => {
    const found = hostOf(world).services.find(
      (each) => each.service === service,
    );
    if (verb === "stop" && service === "pveproxy")
      throw {
        status: 500,
        message:
          "service 'pveproxy' cannot be stopped through the API, which needs it; use restart",
      };
    return world.task(`srv${verb}`, service, [verb], () => {
      found["active-state"] = active;
      found.state = state;
    });
  };
}

function journal(world, _path, { lastentries, startcursor, unit, priority }) {
  if (world.journalDenied)
    throw {
      status: 403,
      message: "Permission check failed (/nodes/pve1, Sys.Syslog)",
    };
  const all = hostOf(world).journal;
  world.journalAsked = { unit, priority };
  const first = startcursor
    ? Number(startcursor.slice(2)) + 1
    : all.length - Number(lastentries);
  const from = Math.max(0, first);
  const lines = all
    .slice(from)
    .filter((line) => !unit || line.includes(unit.replace(".service", "")));
  if (lines.length === 0) return startcursor ? [startcursor, startcursor] : [];
  return [`s=${from}`, ...lines, `s=${all.length - 1}`];
}

const CERTIFICATE = {
  filename: "pve-ssl.pem",
  fingerprint: Array.from({ length: 32 }, (_, i) =>
    (i * 7).toString(16).padStart(2, "0").toUpperCase().slice(-2),
  ).join(":"),
  issuer: "CN=Holdfast cluster authority,O=Holdfast",
  subject: "CN=pve1,O=Holdfast",
  san: ["pve1", "192.0.2.10"],
  notbefore: 1_790_000_000,
  pem: "-----BEGIN CERTIFICATE-----",
};

const INTERFACES = [
  {
    iface: "eno1",
    type: "eth",
    method: "manual",
    method6: "manual",
    families: ["inet"],
    active: 1,
    exists: 1,
  },
  {
    iface: "vmbr0",
    type: "bridge",
    method: "static",
    address: "192.0.2.10",
    netmask: "24",
    cidr: "192.0.2.10/24",
    cidr6: "2001:db8::10/64",
    gateway: "192.0.2.1",
    bridge_ports: "eno1",
    bridge_stp: "off",
    bridge_fd: "0",
    families: ["inet", "inet6"],
    autostart: 1,
    active: 1,
    comments: "to the office\n",
  },
  {
    iface: "vmbr1",
    type: "bridge",
    method: "manual",
    bridge_ports: "",
    families: ["inet"],
    autostart: 1,
  },
];

const DISK_ROUTES = {
  "GET /nodes/{node}/disks/list": (world, _path, params) =>
    hostOf(world).disks.filter(
      ({ parent }) => !parent || params["include-partitions"] === "1",
    ),
  "GET /nodes/{node}/disks/smart": (world, _path, { disk: path }) => {
    const { health } = findDisk(world, path);
    if (path !== "/dev/sda")
      return { health, type: "text", text: "Available Spare: 100%" };
    const row = { flags: "PO--CK", normalized: 100, fail: "-" };
    return {
      health,
      type: "ata",
      attributes: [
        {
          ...row,
          id: "  5",
          name: "Reallocated_Sector_Ct",
          value: 100,
          worst: 100,
          threshold: 10,
          raw: "0",
        },
        {
          ...row,
          id: "  9",
          name: "Power_On_Hours",
          value: 97,
          worst: 97,
          threshold: 0,
          raw: "14021",
        },
      ],
    };
  },
  "PUT /nodes/{node}/disks/wipedisk": wipe,
  "POST /nodes/{node}/disks/initgpt": init,
  "GET /nodes/{node}/disks/directory": (world) => hostOf(world).folders,
  "GET /nodes/{node}/disks/lvm": (world) => ({
    leaf: 0,
    children: hostOf(world).groups,
  }),
  "GET /nodes/{node}/disks/lvmthin": (world) => hostOf(world).thin,
  "GET /nodes/{node}/disks/zfs": (world) => hostOf(world).zfs,
  "POST /nodes/{node}/disks/directory": make(
    "dircreate",
    "mounted",
    (host, { name, filesystem }, [device]) =>
      host.folders.push({
        unitfile: `/etc/systemd/system/mnt-pve-${name}.mount`,
        path: `/mnt/pve/${name}`,
        device,
        type: filesystem,
        options: "defaults",
      }),
  ),
  "POST /nodes/{node}/disks/lvm": make(
    "lvmcreate",
    "LVM",
    (host, { name }, [device]) =>
      host.groups.push({
        name,
        size: 500 * GIB,
        free: 500 * GIB,
        leaf: 0,
        children: [{ name: device, leaf: 1 }],
      }),
  ),
  "POST /nodes/{node}/disks/lvmthin": make(
    "lvmthincreate",
    "LVM",
    (host, { name }) =>
      host.thin.push({
        vg: name,
        lv: name,
        lv_size: 490 * GIB,
        used: 0,
        metadata_size: GIB,
        metadata_used: 0,
      }),
  ),
  "POST /nodes/{node}/disks/zfs": make(
    "zfscreate",
    "ZFS",
    (host, { name }, devices) =>
      host.zfs.push({
        name,
        size: 500 * GIB,
        alloc: 0,
        free: 500 * GIB,
        frag: 0,
        dedup: 1,
        health: devices.length > 1 ? "ONLINE" : "DEGRADED",
      }),
  ),
  "DELETE /nodes/{node}/disks/directory/{name}": remove(
    "dirremove",
    "folders",
    ({ path }) => path.slice(9),
  ),
  "DELETE /nodes/{node}/disks/lvm/{name}": remove(
    "lvmremove",
    "groups",
    ({ name }) => name,
  ),
  "DELETE /nodes/{node}/disks/lvmthin/{name}": remove(
    "lvmthinremove",
    "thin",
    ({ lv }) => lv,
  ),
  "DELETE /nodes/{node}/disks/zfs/{name}": remove(
    "zfsremove",
    "zfs",
    ({ name }) => name,
  ),
};

export const HOST_ROUTES = {
  ...DISK_ROUTES,
  "GET /nodes/{node}/services": (world) => hostOf(world).services,
  "POST /nodes/{node}/services/{service}/start": act(
    "start",
    "active",
    "running",
  ),
  "POST /nodes/{node}/services/{service}/stop": act("stop", "inactive", "dead"),
  "POST /nodes/{node}/services/{service}/restart": act(
    "restart",
    "active",
    "running",
  ),
  "GET /nodes/{node}/time": (world) => {
    const time = Math.floor(Date.now() / 1000);
    const { zone } = hostOf(world);
    return {
      time,
      localtime: time + (zone === "UTC" ? 0 : 3600),
      timezone: zone,
    };
  },
  "PUT /nodes/{node}/time": (world, _path, { timezone }) => {
    hostOf(world).zone = timezone;
    return null;
  },
  "GET /nodes/{node}/dns": (world) => hostOf(world).dns,
  "PUT /nodes/{node}/dns": (world, _path, { node, ...dns }) => {
    if (dns.dns2 && !/^[\d.]+$/.test(dns.dns2))
      throw invalid({
        dns2: "invalid format - value does not look like a valid IP address",
      });
    hostOf(world).dns = dns;
    return null;
  },
  "GET /nodes/{node}/hosts": (world) => hostOf(world).hosts,
  "POST /nodes/{node}/hosts": (world, _path, { data, digest }) => {
    const { hosts } = hostOf(world);
    if (digest !== hosts.digest)
      throw {
        status: 500,
        message:
          "detected modified configuration - file changed by other user? Try again.",
      };
    hostOf(world).hosts = { data, digest: `${digest}+` };
    return null;
  },
  "GET /nodes/{node}/certificates/info": () => {
    const days = (n) => Math.floor(Date.now() / 1000) + n * 86_400;
    return [
      {
        ...CERTIFICATE,
        filename: "pve-root-ca.pem",
        subject: CERTIFICATE.issuer,
        san: [],
        notafter: days(3000),
      },
      { ...CERTIFICATE, notafter: days(12) },
    ];
  },
  "GET /nodes/{node}/journal": journal,
  "GET /nodes/{node}/network": (world) => {
    const { changes } = hostOf(world);
    return { paged: true, data: INTERFACES, changes: changes || undefined };
  },
  "GET /nodes/{node}/apt/update": (world) => hostOf(world).updates,
  "POST /nodes/{node}/apt/update": (world) =>
    world.task("aptupdate", "", ["reading lists"], () => {
      const common = {
        Arch: "amd64",
        Section: "admin",
        Priority: "optional",
        Description: "",
      };
      hostOf(world).updates = [
        {
          ...common,
          Package: "hostd",
          Title: "Holdfast's daemons",
          OldVersion: "0.1.0-1",
          Version: "0.1.1-1",
          Origin: "Holdfast",
        },
        {
          ...common,
          Package: "linux-image-6.12.63-amd64",
          Title: "Linux 6.12",
          Version: "6.12.63-1",
          Origin: "Debian",
        },
      ];
    }),
};
