import { Button, PageSection } from "@patternfly/react-core";
import SyncAltIcon from "@patternfly/react-icons/dist/esm/icons/sync-alt-icon";
import { useQuery } from "@tanstack/react-query";
import { refreshUpdates, type Update } from "../../api/system";
import { t } from "../../i18n";
import { updatesQuery } from "../../state/nodeQueries";
import { useToldAction } from "../../state/useToldAction";
import { QueryList } from "../common/QueryList";

const columns = () => [
  { label: t("update.package"), cell: (update: Update) => <Package update={update} /> },
  { label: t("update.installed"), cell: ({ from }: Update) => from, wideOnly: true },
  { label: t("update.available"), cell: ({ to }: Update) => to },
  { label: t("update.origin"), cell: ({ origin }: Update) => origin, wideOnly: true },
];

/** Packages that have newer versions, as far as the node knows. */
export default function UpdatesTab({ node }: { node: string }) {
  return (
    <PageSection isFilled>
      <QueryList
        title={t("update.title")}
        action={<RefreshButton node={node} />}
        query={useQuery(updatesQuery(node))}
        emptyText={t("update.none")}
        columns={columns()}
        keyOf={({ name }) => name}
      />
    </PageSection>
  );
}

function Package({ update: { name, title } }: { update: Update }) {
  return (
    <>
      <div>{name}</div>
      <div className="hf-subtle">{title}</div>
    </>
  );
}

function RefreshButton({ node }: { node: string }) {
  const { busy, run } = useToldAction(t("update.refresh"), () => refreshUpdates(node));
  return (
    <Button variant="secondary" icon={<SyncAltIcon />} isDisabled={busy} isLoading={busy} onClick={() => void run()}>
      {t("update.refresh")}
    </Button>
  );
}
