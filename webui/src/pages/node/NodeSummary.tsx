import { Alert, Card, CardBody, CardTitle, Grid, GridItem, PageSection } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { NodeResource, Resource } from "../../api/cluster";
import { type NodeStatus, parseVersion, type Space } from "../../api/nodes";
import { Facts } from "../../components/Facts";
import { Failed, Loading } from "../../components/States";
import { UsageBar } from "../../components/UsageBar";
import { t, tn } from "../../i18n";
import { errorText } from "../../state/errorText";
import { bytes, duration, fraction, percent } from "../../state/format";
import { nodeStatusQuery } from "../../state/queries";
import { guests, storagesOf } from "../../state/resources";
import { HistoryGraphs } from "../common/HistoryGraphs";
import { GuestList } from "../common/GuestList";
import { StorageTable } from "./StorageTable";

interface Props {
  node: NodeResource;
  resources: readonly Resource[];
}

export function NodeSummary({ node, resources }: Props) {
  const { data, error, refetch } = useQuery({ ...nodeStatusQuery(node.node), enabled: node.online });
  return (
    <>
      {!node.online && (
        <PageSection>
          <Alert component="p" isInline variant="warning" title={t("node.offlineText", { node: node.node })} />
        </PageSection>
      )}
      {node.online && (
        <PageSection>
          {data ? (
            <StatusCards status={data} />
          ) : error ? (
            <Failed text={errorText(error)} onRetry={() => void refetch()} />
          ) : (
            <Loading />
          )}
        </PageSection>
      )}
      <PageSection>
        <HistoryGraphs of={{ kind: "node", node: node.node }} />
      </PageSection>
      <PageSection>
        <StorageTable storages={storagesOf(resources, node.node)} />
      </PageSection>
      <PageSection isFilled>
        <GuestList guests={guests(resources).filter((guest) => guest.node === node.node)} showNode={false} />
      </PageSection>
    </>
  );
}

function SpaceBar({ label, space }: { label: string; space: Space }) {
  const { usedBytes, totalBytes } = space;
  if (totalBytes === 0) return null;
  return (
    <UsageBar
      label={label}
      fraction={fraction(usedBytes, totalBytes)}
      text={t("usage.of", { used: bytes(usedBytes), total: bytes(totalBytes) })}
    />
  );
}

function StatusCards({ status }: { status: NodeStatus }) {
  return (
    <Grid hasGutter>
      <GridItem span={12} lg={6}>
        <Card isCompact isFullHeight>
          <CardTitle component="h2">{t("node.usage")}</CardTitle>
          <CardBody>
            <div className="hf-stack">
              <UsageBar
                label={t("usage.cpu")}
                fraction={status.cpu}
                text={t("usage.ofCpus", { percent: percent(status.cpu), cpus: tn("cpus", status.cpuCount) })}
              />
              <SpaceBar label={t("usage.memory")} space={status.memory} />
              <SpaceBar label={t("usage.swap")} space={status.swap} />
              <SpaceBar label={t("usage.rootFs")} space={status.rootFs} />
            </div>
          </CardBody>
        </Card>
      </GridItem>
      <GridItem span={12} lg={6}>
        <Card isCompact isFullHeight>
          <CardTitle component="h2">{t("node.system")}</CardTitle>
          <CardBody>
            <Facts
              facts={[
                { label: t("node.uptime"), value: duration(status.uptimeS) },
                { label: t("node.load"), value: status.loadAverage.join(" · ") },
                { label: t("node.processor"), value: processor(status) },
                { label: t("node.virtualization"), value: virtualization(status) },
                { label: t("node.kernel"), value: status.kernel },
                { label: t("node.boot"), value: boot(status) },
                { label: t("node.version"), value: version(status) },
              ]}
            />
          </CardBody>
        </Card>
      </GridItem>
    </Grid>
  );
}

function processor({ cpuModel, cpuCount, sockets }: NodeStatus): string {
  const counts = t("node.cpuCounts", { cpus: tn("cpus", cpuCount), sockets: tn("sockets", sockets) });
  return [cpuModel, counts].filter(Boolean).join(" — ");
}

function virtualization({ virtualization: found }: NodeStatus): string {
  return found ? [t(`virtualization.${found.mode}`), found.reason].filter(Boolean).join(": ") : "";
}

function version({ version: text }: NodeStatus): string {
  const parsed = parseVersion(text);
  return parsed ? t("node.versionOf", parsed) : text;
}

function boot({ bootMode, secureBoot }: NodeStatus): string {
  return secureBoot ? t("node.secureBoot", { mode: bootMode }) : bootMode;
}
