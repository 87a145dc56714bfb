import type { Field } from "../../components/FieldForm";
import { t } from "../../i18n";

/** Where the other nodes reach this host. */
export function addressField(): Field {
  return {
    kind: "text",
    name: "address",
    label: t("cluster.ownAddress"),
    placeholder: t("cluster.firstAddress"),
    help: t("cluster.ownAddressHelp"),
  };
}
