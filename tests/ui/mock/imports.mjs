// TEST CODE. Machines in files on the pretend cluster's storages, and what they say of themselves.
const GIB = 1024 ** 3;

/** Files that machines can be made from, on storage `local`. */
export function addImports(world) {
  const file = (name, size) => ({
    volid: `local:import/${name}`,
    content: "import",
    format: name.split(".").at(-1),
    size,
    ctime: 1_790_000_000,
  });
  world.volumes.push(
    file("accounting.ova", 3.1 * GIB),
    file("broken.ova", 12_345),
    file("debian-13-cloud.qcow2", 3 * GIB),
  );
  world.imports = new Map([
    [
      "local:import/accounting.ova",
      {
        type: "vm",
        source: "ovf",
        "create-args": {
          name: "accounting",
          cores: 4,
          memory: 8192,
          ostype: "win10",
          boot: "order=scsi0;scsi1",
        },
        disks: {
          scsi0: {
            volid: "local:import/accounting.ova/accounting-disk1.vmdk",
            size: 60 * GIB,
          },
          scsi1: {
            volid: "local:import/accounting.ova/accounting-disk2.vmdk",
            size: 500 * GIB,
          },
        },
        net: { net0: { model: "e1000" }, net1: { model: "pcnet" } },
        warnings: [{ type: "ova-needs-extracting" }],
      },
    ],
  ]);
}

export function importMetadata(world, _path, { volume }) {
  const found = world.imports?.get(volume);
  if (!found)
    throw { status: 500, message: `'${volume}' holds no description (.ovf)` };
  return found;
}

/** The sources of a new machine's disks, by their slots. */
export function importedDisks(params) {
  return Object.fromEntries(
    Object.entries(params).flatMap(([slot, value]) => {
      const found = /^([\w-]+):0,import-from=(.+)$/.exec(value);
      return found ? [[slot, { storage: found[1], from: found[2] }]] : [];
    }),
  );
}
