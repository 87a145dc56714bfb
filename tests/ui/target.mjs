// What the scenarios run against: a real node named by BASE_URL, HOLDFAST_USER (default root) and HOLDFAST_PASSWORD,
// or the mock where BASE_URL is not set.
import { startMock } from "./mock_server.mjs";

const { BASE_URL, HOLDFAST_USER = "root", HOLDFAST_PASSWORD } = process.env;

/** Why there is no real node; false where there is one. */
export const NO_NODE =
  !BASE_URL &&
  "BASE_URL is not set: needs a running node (`make test-ui-node` starts one)";

export async function openTarget() {
  if (!BASE_URL) return { ...(await startMock()), real: false };
  if (!HOLDFAST_PASSWORD)
    throw new Error("BASE_URL is set, but HOLDFAST_PASSWORD is not");
  return {
    url: BASE_URL.replace(/\/$/, ""),
    user: HOLDFAST_USER,
    password: HOLDFAST_PASSWORD,
    real: true,
    stop: async () => {},
  };
}
