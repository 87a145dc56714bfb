// Pictures of the main views for docs/img/, small enough for git: WebP of at most 60 kB, made by the browser itself.
// Written where HOLDFAST_DOC_PICTURES names a directory (`make ui-pictures`), from the pictures that the suite takes.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const DIRECTORY = process.env.HOLDFAST_DOC_PICTURES;
const MOST_BYTES = 60_000;
const QUALITIES = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4];

/** Names as the suite has them, without size and theme. */
const MAIN_VIEWS = [
  "datacenter",
  "welcome",
  "cluster",
  "ha",
  "options",
  "storages",
  "pools",
  "users",
  "node",
  "node-disks",
  "node-network",
  "node-system",
  "vm",
  "vm-console",
  "vm-hardware",
  "vm-snapshots",
  "container",
  "storage",
  "create-vm",
  "login",
];
const WANTED = new RegExp(
  `^(${MAIN_VIEWS.join("|")})-(wide|phone)-(light|dark)$`,
);

function asWebp(page, png, quality) {
  return page.evaluate(
    async ([source, q]) => {
      const image = new Image();
      image.src = `data:image/png;base64,${source}`;
      await image.decode();
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [image.width, image.height];
      canvas.getContext("2d").drawImage(image, 0, 0);
      return canvas.toDataURL("image/webp", q).split(",")[1];
    },
    [png.toString("base64"), quality],
  );
}

/** Keep a picture (PNG) if it is one of a main view. */
export async function keepForDocs(page, name, png) {
  if (!DIRECTORY || !WANTED.test(name)) return;
  for (const quality of QUALITIES) {
    const webp = Buffer.from(await asWebp(page, png, quality), "base64");
    if (webp.length > MOST_BYTES) continue;
    mkdirSync(DIRECTORY, { recursive: true });
    writeFileSync(join(DIRECTORY, `${name}.webp`), webp);
    return;
  }
  throw new Error(
    `${name} is larger than ${MOST_BYTES} bytes at every quality`,
  );
}
