import EditIcon from "@patternfly/react-icons/dist/esm/icons/edit-icon";
import { useQueryClient } from "@tanstack/react-query";
import type { GuestResource } from "../../../api/cluster";
import { describeSnapshot, type Snapshot } from "../../../api/snapshots";
import { t } from "../../../i18n";
import { keys } from "../../../state/queryKeys";
import { EditModal } from "../../common/EditModal";
import { OpenButton } from "../../common/OpenButton";

interface Props {
  guest: GuestResource;
  snapshot: Snapshot;
}

/** Changes what is written about a snapshot. */
export function DescribeSnapshotButton({ guest, snapshot }: Props) {
  const queryClient = useQueryClient();
  const label = t("snapshot.describe", { name: snapshot.name });
  const describe = async (description: string) => {
    await describeSnapshot(guest, snapshot.name, description);
    void queryClient.invalidateQueries({ queryKey: keys.snapshots(guest) });
  };
  return (
    <OpenButton variant="plain" icon={<EditIcon />} label={label}>
      {(onClose) => (
        <EditModal
          id="describe"
          size="small"
          title={label}
          submitLabel={t("save")}
          fields={[{ kind: "text", name: "description", label: t("snapshot.description"), wide: true }]}
          values={{ description: snapshot.description }}
          order={({ description = "" }) => describe(description)}
          onClose={onClose}
        />
      )}
    </OpenButton>
  );
}
