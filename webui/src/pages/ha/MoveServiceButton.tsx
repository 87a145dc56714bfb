import ExchangeAltIcon from "@patternfly/react-icons/dist/esm/icons/exchange-alt-icon";
import { moveService, type Service } from "../../api/ha";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { keys } from "../../state/queryKeys";
import { nodes } from "../../state/resources";
import { FormButton } from "../common/FormButton";
import { useResources } from "../common/useResources";

/** Asks the manager to move a service; what keeps it from going is told in the form. */
export function MoveServiceButton({ service: { sid, node, wish } }: { service: Service }) {
  const { toasts } = useApp();
  const others = nodes(useResources().resources).filter((each) => each.node !== node && each.online);
  const move = async (how: string, target: string) => {
    const { along, blocking } = await moveService(how === "relocate" ? "relocate" : "migrate", sid, target);
    if (blocking.length > 0) throw new Error(t("ha.moveBlocked", { sid, node: target, others: blocking.join(", ") }));
    const text = along.length > 0 ? { text: t("ha.movesAlong", { others: along.join(", ") }) } : {};
    toasts.add({ variant: "success", title: t("ha.moveAsked", { sid, node: target }), ...text });
  };
  return (
    <FormButton
      id="move-service"
      label={t("ha.move", { sid })}
      icon={<ExchangeAltIcon />}
      variant="plain"
      isDisabled={others.length === 0 || wish === "ignored"}
      submitLabel={t("move")}
      touches={keys.ha}
      fieldOf={(name) => (name === "node" ? "target" : name)}
      values={{ target: others[0]?.node ?? "", how: "migrate" }}
      fields={[
        {
          kind: "select",
          name: "target",
          label: t("move.target"),
          options: others.map((each) => ({ value: each.node, label: each.node })),
          required: true,
        },
        {
          kind: "select",
          name: "how",
          label: t("ha.moveHow"),
          options: [
            { value: "migrate", label: t("ha.migrate") },
            { value: "relocate", label: t("ha.relocate") },
          ],
        },
      ]}
      order={({ target = "", how = "" }) => move(how, target)}
    >
      <p>{t("ha.moveText")}</p>
    </FormButton>
  );
}
