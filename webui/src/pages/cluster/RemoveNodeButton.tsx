import { List, ListItem } from "@patternfly/react-core";
import { removeNode } from "../../api/membership";
import { t } from "../../i18n";
import { keys } from "../../state/queryKeys";
import { guests } from "../../state/resources";
import { RemoveItemButton } from "../common/RemoveItemButton";
import { useResources } from "../common/useResources";

/** Takes a node that is off for good out of the cluster. */
export function RemoveNodeButton({ node }: { node: string }) {
  const left = guests(useResources().resources).filter((guest) => guest.node === node);
  return (
    <RemoveItemButton
      label={t("cluster.removeNode", { node })}
      title={t("cluster.removeTitle", { node })}
      confirmLabel={t("cluster.remove")}
      typeToConfirm={node}
      touches={keys.cluster}
      remove={() => removeNode(node)}
    >
      <p>{t("cluster.removeText", { node })}</p>
      {left.length > 0 && (
        <>
          <p>{t("cluster.removeGuests")}</p>
          <List>
            {left.map(({ vmid, name }) => (
              <ListItem key={vmid} className="hf-break">
                {t("cluster.guest", { vmid, name })}
              </ListItem>
            ))}
          </List>
        </>
      )}
    </RemoveItemButton>
  );
}
