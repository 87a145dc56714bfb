// TEST CODE. Which storages the pretend cluster has, and what comes to them from elsewhere.
import { invalid, words } from "./wire.mjs";

/** The storages as `storage.cfg` has them; made up from those that there are. */
function configs(world) {
  world.storageConfigs ??= new Map(
    world.storages.map(({ storage, type, content }) => [
      storage,
      {
        type,
        content,
        ...(type === "dir"
          ? { path: "/var/lib/vz", "prune-backups": "keep-all=1" }
          : { vgname: "pve", thinpool: "data" }),
      },
    ]),
  );
  return world.storageConfigs;
}

function find(world, storage) {
  const config = configs(world).get(storage);
  if (!config)
    throw { status: 500, message: `storage '${storage}' does not exist` };
  return config;
}

function list(world) {
  return [...configs(world)].map(
    ([storage, { disable, shared, ...config }]) => ({
      storage,
      ...config,
      ...(disable && { disable: 1 }),
      ...(shared && { shared: 1 }),
      digest: "d1",
    }),
  );
}

function add(world, _path, { storage, type, ...config }) {
  const errors = {};
  if (!/^[a-z][\w.-]+$/i.test(storage)) errors.storage = "invalid format";
  if ("path" in config && !config.path.startsWith("/"))
    errors.path = `value '${config.path}' does not look like a valid absolute path`;
  if (Object.keys(errors).length > 0) throw invalid(errors);
  if (configs(world).has(storage))
    throw { status: 500, message: `storage ID '${storage}' already defined` };
  configs(world).set(storage, { type, ...config });
  return { storage, type };
}

function change(world, { storage }, { delete: gone, digest, ...values }) {
  const config = find(world, storage);
  if (digest !== "d1") throw { status: 500, message: "digest mismatch" };
  Object.assign(config, values);
  for (const name of words(gone)) delete config[name];
  return { storage, type: config.type };
}

function forget(world, { storage }) {
  find(world, storage);
  const users = [...world.guests.values()].filter(({ config }) =>
    Object.values(config).some((value) => `${value}`.startsWith(`${storage}:`)),
  );
  if (users.length > 0) {
    const ids = users.map(({ vmid }) => vmid).join(", ");
    throw {
      status: 500,
      message: `storage '${storage}' is used by guests ${ids}; move their disks first`,
    };
  }
  configs(world).delete(storage);
  return null;
}

const TEMPLATES = [
  ["system", "debian-13-standard_13.1-1_amd64.tar.zst", "Debian 13 Trixie"],
  ["system", "alpine-3.22-default_20250617_amd64.tar.xz", "Alpine 3.22"],
  ["turnkeylinux", "debian-12-turnkey-nextcloud_18.0-1_amd64.tar.gz", "Files"],
];

function fetched(world, storage, content, filename) {
  return world.task("download", filename, [`fetching ${filename}`], () =>
    world.volumes.push({
      volid: `${storage}:${content}/${filename}`,
      content,
      format: filename.split(".").at(-1),
      size: 5e8,
      ctime: 1_790_000_000,
    }),
  );
}

function download(world, { storage }, params) {
  world.downloads = [...(world.downloads ?? []), params];
  if (params.url.includes("nowhere"))
    throw invalid({ url: "the server does not answer" });
  return fetched(world, storage, params.content, params.filename);
}

export const STORAGE_ROUTES = {
  "POST /nodes/{node}/storage/{storage}/download-url": download,
  "GET /nodes/{node}/aplinfo": (world) =>
    world.noTemplates
      ? []
      : TEMPLATES.map(([section, template, headline]) => ({
          section,
          template,
          headline,
          version: "1",
        })),
  "POST /nodes/{node}/aplinfo": (world, _path, { storage, template }) =>
    fetched(world, storage, "vztmpl", template),
  "GET /storage": list,
  "POST /storage": add,
  "PUT /storage/{storage}": change,
  "DELETE /storage/{storage}": forget,
};
