import { createCluster } from "../../api/membership";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { keys } from "../../state/queryKeys";
import { FormButton } from "../common/FormButton";
import { addressField } from "./addressField";

/** Makes this host the first node of a cluster. */
export function CreateClusterButton() {
  const { watchTask } = useApp();
  return (
    <FormButton
      id="cluster"
      label={t("cluster.create")}
      submitLabel={t("cluster.create")}
      touches={keys.cluster}
      fieldOf={(name) => (name === "clustername" ? "name" : name === "link0" ? "address" : name)}
      values={{ name: "", address: "" }}
      fields={[
        { kind: "text", name: "name", label: t("cluster.name"), help: t("cluster.nameHelp"), required: true },
        addressField(),
      ]}
      order={async ({ name = "", address = "" }) => watchTask(await createCluster(name.trim(), address.trim()))}
    >
      <p>{t("cluster.createText")}</p>
    </FormButton>
  );
}
