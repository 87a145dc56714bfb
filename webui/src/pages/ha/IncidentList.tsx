import { Button, Label } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Incident } from "../../api/ha";
import { ItemList } from "../../components/ItemList";
import { t, tOptional } from "../../i18n";
import { errorText } from "../../state/errorText";
import { dateTime } from "../../state/format";
import { incidentsQuery } from "../../state/clusterQueries";
import { IncidentModal } from "./IncidentModal";

const STATUS = { recovering: "danger", open: "warning" } as const;

/** Nodes that were lost and services in error, with the account of each. */
export function IncidentList() {
  const { data, error, refetch } = useQuery(incidentsQuery());
  const [opened, setOpened] = useState<string | null>(null);
  const columns = [
    { label: t("incident.begun"), cell: ({ begunS }: Incident) => dateTime(begunS) },
    { label: t("incident.title"), cell: ({ title }: Incident) => title },
    { label: t("incident.state"), cell: ({ state }: Incident) => <IncidentState state={state} /> },
  ];
  return (
    <>
      <ItemList
        title={t("incidents")}
        items={data}
        error={error ? errorText(error) : null}
        onRetry={() => void refetch()}
        emptyText={t("incident.none")}
        columns={columns}
        keyOf={({ id }) => id}
        actionsLabel={t("access.actions")}
        actions={({ id, subject }) => (
          <Button variant="link" size="sm" aria-label={t("incident.openOf", { subject })} onClick={() => setOpened(id)}>
            {t("incident.open")}
          </Button>
        )}
      />
      {opened && <IncidentModal id={opened} onClose={() => setOpened(null)} />}
    </>
  );
}

function IncidentState({ state }: { state: string }) {
  const status = STATUS[state as keyof typeof STATUS];
  return (
    <Label isCompact variant="outline" {...(status && { status })}>
      {tOptional(`incidentState.${state}`) ?? state}
    </Label>
  );
}
