import PencilAltIcon from "@patternfly/react-icons/dist/esm/icons/pencil-alt-icon";
import { useQuery } from "@tanstack/react-query";
import { setZone } from "../../../api/system";
import { Facts } from "../../../components/Facts";
import { t } from "../../../i18n";
import { dateTimeThere } from "../../../state/format";
import { clockQuery } from "../../../state/nodeQueries";
import { useHostChange } from "../../../state/useHostChange";
import { Answer } from "../../common/Answer";
import { EditModal } from "../../common/EditModal";
import { OpenButton } from "../../common/OpenButton";

export function Clock({ node }: { node: string }) {
  return (
    <Answer query={useQuery(clockQuery(node))}>
      {({ localS, zone }) => (
        <Facts
          facts={[
            { label: t("clock.local"), value: dateTimeThere(localS) },
            { label: t("clock.zone"), value: zone },
          ]}
        />
      )}
    </Answer>
  );
}

export function EditZoneButton({ node }: { node: string }) {
  const { data } = useQuery(clockQuery(node));
  const change = useHostChange(node);
  if (!data) return null;
  const zones = [...new Set([data.zone, "UTC", ...Intl.supportedValuesOf("timeZone")])].sort();
  return (
    <OpenButton variant="plain" icon={<PencilAltIcon />} label={t("clock.edit")}>
      {(onClose) => (
        <EditModal
          id="zone"
          size="small"
          title={t("clock.edit")}
          submitLabel={t("save")}
          fields={[
            {
              kind: "select",
              name: "timezone",
              label: t("clock.zone"),
              options: zones.map((value) => ({ value, label: value })),
              wide: true,
            },
          ]}
          values={{ timezone: data.zone }}
          order={({ timezone = "" }) => change(() => setZone(node, timezone))}
          onClose={onClose}
        />
      )}
    </OpenButton>
  );
}
