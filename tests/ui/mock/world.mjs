// TEST CODE. A pretend cluster in memory for the web UI's tests: answers have the wire shapes of the API, values are
// made up here. Nothing of it is shipped or used outside tests/ui.
import { makeUsers } from "./access.mjs";
import { makePeople } from "./people.mjs";

const GIB = 1024 ** 3;
const hex = (value) => value.toString(16).toUpperCase().padStart(8, "0");
const now = () => Math.floor(Date.now() / 1000);

export class World {
  constructor({ taskMs = 700 } = {}) {
    this.taskMs = taskMs;
    this.started = now() - 93784;
    this.nodes = ["pve1"];
    this.offlineNodes = new Set();
    this.guests = new Map();
    this.tasks = [];
    this.pid = 4000;
    this.users = makeUsers();
    this.people = makePeople();
    this.realms = [
      {
        realm: "pam",
        type: "pam",
        comment: "accounts of the host (PAM)",
        default: 1,
      },
      { realm: "pve", type: "pve", comment: "accounts of this cluster" },
      { realm: "office", type: "ldap", comment: "Directory" },
    ];
    this.storages = [
      {
        storage: "local",
        type: "dir",
        content: "iso,vztmpl,backup,snippets,import",
        total: 94 * GIB,
        used: 12.4 * GIB,
      },
      {
        storage: "local-lvm",
        type: "lvmthin",
        content: "images,rootdir",
        total: 340 * GIB,
        used: 61 * GIB,
      },
    ];
    this.volumes = [
      {
        volid: "local:iso/debian-13.1.0-amd64-netinst.iso",
        content: "iso",
        format: "iso",
        size: 784 * 1024 ** 2,
      },
      {
        volid: "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst",
        content: "vztmpl",
        format: "tzst",
        size: 130e6,
      },
    ].map((volume) => ({ ...volume, ctime: now() - 86400 }));
  }

  /** Put a guest in place without a task. */
  addGuest(
    kind,
    vmid,
    name,
    { node = "pve1", running = false, config = {}, lock } = {},
  ) {
    const disk = kind === "qemu" ? "scsi0" : "rootfs";
    const size = kind === "qemu" ? 32 : 8;
    const volid = `local-lvm:vm-${vmid}-disk-0`;
    this.guests.set(vmid, {
      kind,
      vmid,
      node,
      running,
      lock,
      startedAt: running ? now() - 7325 : 0,
      diskBytes: size * GIB,
      config: {
        ...(kind === "qemu"
          ? {
              name,
              cores: 2,
              memory: "2048",
              ostype: "l26",
              scsihw: "virtio-scsi-single",
              boot: "order=scsi0;net0",
            }
          : {
              hostname: name,
              cores: 1,
              memory: 512,
              swap: 512,
              ostype: "debian",
              unprivileged: 1,
              arch: "amd64",
            }),
        [disk]: `${volid},size=${size}G`,
        net0:
          kind === "qemu"
            ? "virtio=BC:24:11:0A:0B:0C,bridge=vmbr0"
            : "name=eth0,bridge=vmbr0,ip=dhcp,type=veth",
        digest: "5c522d29e196a6dc3a36d50fdc5ff646e8e66bc9",
        ...config,
      },
    });
    const content = kind === "qemu" ? "images" : "rootdir";
    this.volumes.push({
      volid,
      content,
      format: "raw",
      size: size * GIB,
      ctime: now(),
      vmid,
    });
  }

  guest(kind, vmid) {
    const guest = this.guests.get(Number(vmid));
    if (guest?.kind === kind) return guest;
    const folder = kind === "qemu" ? "qemu-server" : "lxc";
    throw {
      status: 500,
      message: `Configuration file 'nodes/pve1/${folder}/${vmid}.conf' does not exist`,
    };
  }

  /** Start a task: log lines appear while it runs; `effect` happens at its end and may throw the error text. */
  task(type, id, lines, effect = () => undefined, durationMs = this.taskMs) {
    const start = now();
    const pid = this.pid++;
    const upid = `UPID:pve1:${hex(pid)}:${hex(482460 + pid)}:${hex(start)}:${type}:${id}:root@pam:`;
    const task = {
      upid,
      node: "pve1",
      type,
      id: String(id),
      user: "root@pam",
      pid,
      pstart: 1,
      starttime: start,
      log: [],
    };
    this.tasks.unshift(task);
    lines.forEach((line, i) =>
      setTimeout(() => task.log.push(line), (durationMs * i) / lines.length),
    );
    task.timer = setTimeout(() => {
      try {
        effect();
        this.endTask(task, "OK", "TASK OK");
      } catch (error) {
        this.endTask(task, String(error), `TASK ERROR: ${error}`);
      }
    }, durationMs);
    return upid;
  }

  endTask(task, status, lastLine) {
    clearTimeout(task.timer);
    task.endtime = now();
    task.status = status;
    task.log.push(lastLine);
  }

  /** A task that ended in the past. */
  pastTask(type, id, agoS, status, log) {
    const upid = this.task(type, id, [], undefined, 0);
    const task = this.tasks.shift();
    clearTimeout(task.timer);
    const starttime = now() - agoS;
    const old = upid.split(":");
    old[4] = hex(starttime);
    this.tasks.push({
      ...task,
      upid: old.join(":"),
      starttime,
      endtime: starttime + 3,
      status,
      log,
    });
  }

  resources() {
    const nodes = this.nodes.map((node) => {
      const online = !this.offlineNodes.has(node);
      const base = {
        id: `node/${node}`,
        node,
        type: "node",
        status: online ? "online" : "offline",
      };
      if (!online) return base;
      const load = {
        cpu: 0.0512,
        maxcpu: 8,
        mem: 9.4 * GIB,
        maxmem: 32 * GIB,
        disk: 12.4 * GIB,
        maxdisk: 94 * GIB,
      };
      return { ...base, ...load, uptime: now() - this.started, level: "" };
    });
    const guests = [...this.guests.values()].map((guest) => ({
      id: `${guest.kind}/${guest.vmid}`,
      type: guest.kind,
      node: guest.node,
      template: guest.config.template ? 1 : 0,
      tags: guest.config.tags,
      ...(guest.pool && { pool: guest.pool }),
      ...(guest.lock && { lock: guest.lock }),
      ...this.status(guest),
      ...(this.offlineNodes.has(guest.node) && { status: "unknown" }),
      maxcpu: this.status(guest).cpus,
    }));
    const storages = this.nodes.flatMap((node) =>
      this.storages.map(({ storage, type, content, total, used }) => ({
        id: `storage/${node}/${storage}`,
        type: "storage",
        node,
        storage,
        plugintype: type,
        content,
        shared: 0,
        status: this.offlineNodes.has(node) ? "unknown" : "available",
        maxdisk: total,
        disk: used,
      })),
    );
    return [
      ...guests,
      ...nodes,
      ...storages,
      { id: "/pool/p1", pool: "p1", type: "pool" },
    ];
  }

  status(guest) {
    const { running, config, kind } = guest;
    const maxmem = Number(config.memory) * 1024 ** 2;
    const busy = 0.03 + (guest.vmid % 7) * 0.06;
    return {
      vmid: guest.vmid,
      name: config.name ?? config.hostname ?? String(guest.vmid),
      status: running ? "running" : "stopped",
      cpus: Number(config.cores ?? 1),
      cpu: running ? busy : 0,
      mem: running ? maxmem * (0.35 + busy) : 0,
      maxmem,
      disk: kind === "lxc" && running ? 1.1 * GIB : 0,
      maxdisk: guest.diskBytes,
      uptime: running ? now() - guest.startedAt : 0,
      netin: running ? 48203011 : 0,
      netout: running ? 3920144 : 0,
      diskread: running ? 310044672 : 0,
      diskwrite: running ? 99614720 : 0,
      ...(kind === "qemu" && {
        qmpstatus: !running ? "stopped" : guest.paused ? "paused" : "running",
      }),
    };
  }

  nodeStatus() {
    return {
      kvm: { usable: 0, reason: "the processor shows neither vmx nor svm" },
      "boot-info": { mode: "efi", secureboot: 0 },
      cpu: 0.0512,
      cpuinfo: {
        cores: 8,
        cpus: 8,
        sockets: 1,
        model: "AMD EPYC 7302P 16-Core Processor",
        hvm: "",
        mhz: "2994.374",
      },
      "current-kernel": {
        machine: "x86_64",
        release: "6.12.48+deb13-amd64",
        sysname: "Linux",
        version: "#1 SMP",
      },
      loadavg: ["0.22", "0.10", "0.05"],
      memory: {
        total: 32 * GIB,
        used: 9.4 * GIB,
        free: 20 * GIB,
        available: 22.6 * GIB,
      },
      swap: { total: 8 * GIB, used: 0, free: 8 * GIB },
      rootfs: {
        total: 94 * GIB,
        used: 12.4 * GIB,
        avail: 77 * GIB,
        free: 81.6 * GIB,
      },
      pveversion: "pve-manager/9.2.11/holdfast-0.1.0",
      uptime: now() - this.started,
    };
  }
}
