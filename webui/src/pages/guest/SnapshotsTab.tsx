import { Title, Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import HistoryIcon from "@patternfly/react-icons/dist/esm/icons/history-icon";
import { useQuery } from "@tanstack/react-query";
import type { GuestResource } from "../../api/cluster";
import { Empty, Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { snapshotsQuery } from "../../state/queries";
import { snapshotRows } from "../../state/snapshots";
import { SnapshotTable } from "./snapshots/SnapshotTable";
import { TakeSnapshotButton } from "./snapshots/TakeSnapshotButton";

/** The states that the guest can go back to, each below the one that it came after. */
export function SnapshotsTab({ guest }: { guest: GuestResource }) {
  const { data, error, refetch } = useQuery(snapshotsQuery(guest));
  if (error && !data) return <Failed text={errorText(error)} onRetry={() => void refetch()} />;
  if (!data) return <Loading />;
  if (data.taken.length === 0) {
    return (
      <Empty title={t("snapshots.none")} text={t("snapshots.noneText")} icon={HistoryIcon}>
        <TakeSnapshotButton guest={guest} taken={data.taken} />
      </Empty>
    );
  }
  return (
    <>
      <Toolbar inset={{ default: "insetNone" }} className="hf-list-toolbar">
        <ToolbarContent>
          <ToolbarItem className="hf-grow">
            <Title headingLevel="h2" size="lg">
              {t("snapshots")}
            </Title>
          </ToolbarItem>
          <ToolbarItem>
            <TakeSnapshotButton guest={guest} taken={data.taken} />
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      <SnapshotTable guest={guest} rows={snapshotRows(data)} />
    </>
  );
}
