import { useApp } from "../../state/app";
import { nodes } from "../../state/resources";
import { useStore } from "../../state/store";
import { useResources } from "./useResources";

/** What this installation is called: the cluster, the only node, else the address. */
export function usePlaceName(): string {
  const session = useStore(useApp().session);
  const { resources } = useResources();
  const all = nodes(resources);
  const cluster = session.status === "active" ? session.clusterName : null;
  return cluster ?? (all.length === 1 && all[0] ? all[0].node : location.hostname);
}
