import PauseIcon from "@patternfly/react-icons/dist/esm/icons/pause-icon";
import { disarmHa } from "../../api/ha";
import { t } from "../../i18n";
import { keys } from "../../state/queryKeys";
import { FormButton } from "../common/FormButton";

/** Takes high availability out of work, for example before somebody works on the network. */
export function DisarmButton() {
  return (
    <FormButton
      id="disarm"
      label={t("ha.disarm")}
      icon={<PauseIcon />}
      variant="secondary"
      submitLabel={t("ha.disarm")}
      touches={keys.ha}
      values={{ mode: "freeze" }}
      fieldOf={(name) => (name === "resource-mode" ? "mode" : name)}
      fields={[
        {
          kind: "select",
          name: "mode",
          label: t("ha.disarmMode"),
          options: [
            { value: "freeze", label: t("ha.disarmFreeze") },
            { value: "ignore", label: t("ha.disarmIgnore") },
          ],
          wide: true,
        },
      ]}
      order={({ mode }) => disarmHa(mode === "ignore" ? "ignore" : "freeze")}
    >
      <p>{t("ha.disarmText")}</p>
    </FormButton>
  );
}
