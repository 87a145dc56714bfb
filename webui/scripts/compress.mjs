// After the build: writes a .gz beside every text file (the web server sends it as it is, gzip_static), then adds up
// what a browser loads before the first page and stops if that is over the budget.
//
//   node scripts/compress.mjs dist
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET_BYTES = 500 * 1000;
const TEXT = /\.(html|js|css|svg|md|json)$/;
/** The two faces that the first page shows; others load when a view uses them. */
const FIRST_FONTS = /RedHat(Text|Display)VF-[^I]/;

function filesBelow(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

/** What the page names: its icon, script and style sheet. */
const namedIn = (html) => [...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map(([, file]) => file);

const dist = process.argv[2] ?? "dist";
for (const path of filesBelow(dist)) {
  if (TEXT.test(path)) writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
}
const fonts = readdirSync(join(dist, "assets")).filter((name) => name.endsWith(".woff2") && FIRST_FONTS.test(name));
const first = ["index.html", ...namedIn(readFileSync(join(dist, "index.html"), "utf8"))]
  .map((file) => `${file}.gz`)
  .concat(fonts.map((name) => `assets/${name}`))
  .map((file) => ({ file, bytes: statSync(join(dist, file)).size }));
const total = first.reduce((sum, { bytes }) => sum + bytes, 0);
for (const { file, bytes } of first) console.log(`${String(bytes).padStart(8)}  ${file}`);
console.log(`${String(total).padStart(8)}  initial transfer, compressed (budget ${BUDGET_BYTES})`);
if (total > BUDGET_BYTES) {
  console.error("error: the initial transfer is over the budget");
  process.exit(1);
}
