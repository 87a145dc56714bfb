// TEST CODE. The three hosts of tests/bin/on-cluster: HOLDFAST_PORTS (their web ports), HOLDFAST_NODES (the folder of
// their folders). Each is a system container of this machine, so cutting its power is stopping that.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const { HOLDFAST_PORTS, HOLDFAST_NODES } = process.env;

/** Why there are none; false where there are. */
export const NO_HOSTS =
  !HOLDFAST_PORTS &&
  "HOLDFAST_PORTS is not set: needs three hosts (`make test-ui-cluster` starts them)";

/** Each as target.mjs describes one, with its name and `container`. */
export function openHosts() {
  const ports = HOLDFAST_PORTS.split(" ");
  return ports.map((port, i) => {
    const folder = join(HOLDFAST_NODES, `cluster-${ports[0]}-${i + 1}`);
    return {
      name: `node${i + 1}`,
      url: `https://127.0.0.1:${port}`,
      user: "root@pam",
      password: readFileSync(join(folder, "password"), "utf8").trim(),
      container: `holdfast-${port}`,
      folder,
    };
  });
}

export const cutPower = ({ container }) =>
  execFileSync("lxc-stop", ["-k", "-n", container]);

export const switchOn = ({ container, folder }) =>
  execFileSync("lxc-start", [
    ...["-n", container, "-f", join(folder, "config")],
    ...["-d", "--", "/sbin/init"],
  ]);
