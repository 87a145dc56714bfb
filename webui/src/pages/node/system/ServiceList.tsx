import { Button, Flex, Label } from "@patternfly/react-core";
import PlayIcon from "@patternfly/react-icons/dist/esm/icons/play-icon";
import PowerOffIcon from "@patternfly/react-icons/dist/esm/icons/power-off-icon";
import RedoIcon from "@patternfly/react-icons/dist/esm/icons/redo-icon";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { changeService, type Service } from "../../../api/system";
import { ItemList } from "../../../components/ItemList";
import { t } from "../../../i18n";
import { errorText } from "../../../state/errorText";
import { servicesQuery } from "../../../state/nodeQueries";
import { useToldAction } from "../../../state/useToldAction";
import { ConfirmedAction } from "../../common/ConfirmedAction";

const columns = () => [
  { label: t("service.name"), cell: ({ id }: Service) => id },
  { label: t("service.description"), cell: ({ description }: Service) => description },
  { label: t("service.state"), cell: (service: Service) => <State service={service} /> },
];

/** Services that are installed, with what can be done to them. */
export function ServiceList({ node }: { node: string }) {
  const { data, error, refetch } = useQuery(servicesQuery(node));
  return (
    <ItemList
      title={t("service.title")}
      items={data?.filter(({ installed }) => installed)}
      error={error ? errorText(error) : null}
      onRetry={() => void refetch()}
      emptyText={t("service.none")}
      columns={columns()}
      keyOf={({ id }) => id}
      actionsLabel={t("service.actions")}
      actions={(service) => (
        <Flex
          gap={{ default: "gapNone" }}
          flexWrap={{ default: "nowrap" }}
          justifyContent={{ default: "justifyContentFlexEnd" }}
        >
          {service.active === "active" ? (
            <>
              <RestartButton node={node} service={service} />
              <StopButton node={node} service={service} />
            </>
          ) : (
            <StartButton node={node} service={service} />
          )}
        </Flex>
      )}
    />
  );
}

const COLOURS = { active: "green", failed: "red", inactive: "grey" } as const;

function State({ service: { active, state } }: { service: Service }) {
  const color = active in COLOURS ? COLOURS[active as keyof typeof COLOURS] : "orange";
  return (
    <Label isCompact variant="outline" color={color}>
      {active === "failed" ? active : state}
    </Label>
  );
}

interface ActionProps {
  node: string;
  service: Service;
}

function IconButton({ icon, label, onClick }: { icon: ReactNode; label: string; onClick: () => void }) {
  return <Button variant="plain" size="sm" icon={icon} aria-label={label} onClick={onClick} />;
}

function StartButton({ node, service: { id } }: ActionProps) {
  const label = t("service.start", { service: id });
  const { run } = useToldAction(label, () => changeService(node, id, "start"));
  return <IconButton icon={<PlayIcon />} label={label} onClick={() => void run()} />;
}

function StopButton({ node, service: { id, description } }: ActionProps) {
  const label = t("service.stop", { service: id });
  return (
    <ConfirmedAction
      button={(open) => <IconButton icon={<PowerOffIcon />} label={label} onClick={open} />}
      title={t("service.stopTitle", { service: id })}
      confirmLabel={t("service.stopSubmit")}
      isDanger
      order={() => changeService(node, id, "stop")}
    >
      <p>{t("service.stopText", { description })}</p>
    </ConfirmedAction>
  );
}

function RestartButton({ node, service: { id, description } }: ActionProps) {
  const label = t("service.restart", { service: id });
  return (
    <ConfirmedAction
      button={(open) => <IconButton icon={<RedoIcon />} label={label} onClick={open} />}
      title={t("service.restartTitle", { service: id })}
      confirmLabel={t("service.restartSubmit")}
      order={() => changeService(node, id, "restart")}
    >
      <p>{t("service.restartText", { description })}</p>
    </ConfirmedAction>
  );
}
