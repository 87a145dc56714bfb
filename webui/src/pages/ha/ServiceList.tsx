import { Label } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { deleteService, type HaStatus, type Service } from "../../api/ha";
import { ItemList } from "../../components/ItemList";
import { t, tOptional } from "../../i18n";
import { findingsQuery } from "../../state/clusterQueries";
import { keys } from "../../state/queryKeys";
import { findGuest } from "../../state/resources";
import { serviceStatus, serviceWhy } from "../../state/serviceWhy";
import { RemoveItemButton } from "../common/RemoveItemButton";
import { useResources } from "../common/useResources";
import { urls } from "../urls";
import { MoveServiceButton } from "./MoveServiceButton";
import { AddServiceButton, EditServiceButton } from "./ServiceButtons";

/** The guests that are looked after: where they are, what is wanted of them, and why they are not there yet. */
export function ServiceList({ status }: { status: HaStatus }) {
  const columns = [
    { label: t("ha.service"), cell: ({ sid }: Service) => <ServiceName sid={sid} /> },
    { label: t("column.node"), cell: ({ node }: Service) => node || t("state.unknown") },
    { label: t("ha.serviceState"), cell: (service: Service) => <ServiceState service={service} />, short: true },
    { label: t("ha.wish"), cell: ({ wish }: Service) => tOptional(`haState.${wish}`) ?? wish, short: true },
    { label: t("ha.why"), cell: (service: Service) => <Why service={service} status={status} /> },
  ];
  return (
    <ItemList
      title={t("ha.services")}
      action={<AddServiceButton services={status.services} />}
      items={status.services}
      error={null}
      emptyText={t("ha.noServices")}
      columns={columns}
      keyOf={({ sid }) => sid}
      actionsLabel={t("access.actions")}
      actions={(service) => (
        <span className="hf-row-buttons">
          <EditServiceButton service={service} />
          <MoveServiceButton service={service} />
          <RemoveItemButton
            label={t("ha.remove", { sid: service.sid })}
            title={t("ha.removeTitle", { sid: service.sid })}
            confirmLabel={t("cluster.remove")}
            touches={keys.ha}
            remove={() => deleteService(service.sid)}
          >
            <p>{t("ha.removeText")}</p>
          </RemoveItemButton>
        </span>
      )}
    />
  );
}

function ServiceName({ sid }: { sid: string }) {
  const guest = findGuest(useResources().resources, Number(sid.split(":")[1]));
  if (!guest) return sid;
  return (
    <>
      <Link to={urls.guest(guest)}>{sid}</Link> <span className="hf-subtle">{guest.name}</span>
    </>
  );
}

function ServiceState({ service }: { service: Service }) {
  const status = serviceStatus(service);
  return (
    <Label isCompact variant="outline" {...(status && { status })}>
      {tOptional(`haState.${service.state}`) ?? service.state}
    </Label>
  );
}

/** In plain words, and what was found to stand in its way. */
function Why({ service, status }: { service: Service; status: HaStatus }) {
  const { data: findings = [] } = useQuery(findingsQuery(""));
  const why = serviceWhy(service, status);
  const found = findings.filter(({ subject, severity }) => subject === service.sid && severity !== "info");
  return (
    <>
      {why && <div>{why}</div>}
      {found.map(({ text }) => (
        <div key={text} className="hf-subtle">
          {text}
        </div>
      ))}
    </>
  );
}
