import { Card, CardBody, CardTitle, Grid, GridItem } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { GuestResource } from "../../api/cluster";
import type { GuestConfig, GuestStatus } from "../../api/guests";
import { Facts } from "../../components/Facts";
import { Failed, Loading } from "../../components/States";
import { UsageBar } from "../../components/UsageBar";
import { t, tn, tOptional } from "../../i18n";
import { HistoryGraphs } from "../common/HistoryGraphs";
import { errorText } from "../../state/errorText";
import { bytes, duration, fraction, percent } from "../../state/format";
import { guestConfigQuery, guestStatusQuery } from "../../state/queries";
import { Addresses } from "./Addresses";

export function GuestSummary({ guest }: { guest: GuestResource }) {
  const status = useQuery(guestStatusQuery(guest));
  const config = useQuery(guestConfigQuery(guest));
  if (status.error && !status.data) {
    return <Failed text={errorText(status.error)} onRetry={() => void status.refetch()} />;
  }
  if (!status.data) return <Loading />;
  const notes = config.data?.["description"];
  return (
    <Grid hasGutter>
      <GridItem span={12} lg={6}>
        <Card isCompact isFullHeight>
          <CardTitle component="h2">{t("guest.usage")}</CardTitle>
          <CardBody>
            <Usage guest={guest} status={status.data} />
          </CardBody>
        </Card>
      </GridItem>
      <GridItem span={12} lg={6}>
        <Card isCompact isFullHeight>
          <CardTitle component="h2">{t("guest.about")}</CardTitle>
          <CardBody>
            <Facts facts={aboutFacts(guest, status.data, config.data)} />
          </CardBody>
        </Card>
      </GridItem>
      {notes && (
        <GridItem span={12}>
          <Card isCompact>
            <CardTitle component="h2">{t("guest.notes")}</CardTitle>
            <CardBody className="hf-notes">{notes}</CardBody>
          </Card>
        </GridItem>
      )}
      <GridItem span={12}>
        <HistoryGraphs of={{ kind: "guest", guest: { kind: guest.kind, node: guest.node, vmid: guest.vmid } }} />
      </GridItem>
    </Grid>
  );
}

function Usage({ guest, status }: { guest: GuestResource; status: GuestStatus }) {
  return (
    <div className="hf-stack">
      <UsageBar
        label={t("usage.cpu")}
        fraction={status.cpu}
        text={t("usage.ofCpus", { percent: percent(status.cpu), cpus: tn("cpus", status.cpus) })}
      />
      <UsageBar
        label={t("usage.memory")}
        fraction={fraction(status.memBytes, status.maxMemBytes)}
        text={t("usage.of", { used: bytes(status.memBytes), total: bytes(status.maxMemBytes) })}
      />
      {guest.kind === "lxc" && status.maxDiskBytes > 0 && (
        <UsageBar
          label={t("usage.rootFs")}
          fraction={fraction(status.diskBytes, status.maxDiskBytes)}
          text={t("usage.of", { used: bytes(status.diskBytes), total: bytes(status.maxDiskBytes) })}
        />
      )}
    </div>
  );
}

function aboutFacts(guest: GuestResource, status: GuestStatus, config: GuestConfig | undefined) {
  const { running, netInBytes, netOutBytes, diskReadBytes, diskWriteBytes } = status;
  const network = t("usage.inOut", { in: bytes(netInBytes), out: bytes(netOutBytes) });
  const disk = t("usage.readWritten", { read: bytes(diskReadBytes), written: bytes(diskWriteBytes) });
  const system = config?.["ostype"] ?? "";
  return [
    { label: t("column.node"), value: guest.node },
    { label: t("column.uptime"), value: running ? duration(status.uptimeS) : "" },
    {
      label: t("addresses.label"),
      value: running && config ? <Addresses guest={guest} config={config} /> : "",
    },
    { label: t("guest.system"), value: tOptional(`ostype.${system}`) ?? system },
    { label: t("guest.bootDisk"), value: status.maxDiskBytes > 0 ? bytes(status.maxDiskBytes) : "" },
    { label: t("guest.network"), value: running ? network : "" },
    { label: t("guest.disk"), value: running ? disk : "" },
    { label: t("guest.tags"), value: guest.tags.join(", ") },
    { label: t("guest.template"), value: guest.template ? t("yes") : "" },
  ];
}
