import { Card, CardBody, CardHeader, CardTitle, Label } from "@patternfly/react-core";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import TimesCircleIcon from "@patternfly/react-icons/dist/esm/icons/times-circle-icon";
import { Link } from "react-router";
import type { GuestResource, NodeResource } from "../../api/cluster";
import { UsageBar } from "../../components/UsageBar";
import { t, tn } from "../../i18n";
import { bytes, duration, fraction, percent } from "../../state/format";
import { ResourceIcon } from "../common/ResourceIcon";
import { urls } from "../urls";

/** Health of one node at a glance. */
export function NodeCard({ node, guests }: { node: NodeResource; guests: readonly GuestResource[] }) {
  const running = guests.filter((guest) => guest.running).length;
  return (
    <Card isCompact>
      <CardHeader actions={{ actions: <OnlineLabel online={node.online} />, hasNoOffset: true }}>
        <CardTitle component="h3">
          <span className="hf-card-title">
            <ResourceIcon resource={node} />
            <Link to={urls.node(node.node)}>{node.node}</Link>
          </span>
        </CardTitle>
      </CardHeader>
      <CardBody>
        <div className="hf-stack">
          {node.online && (
            <>
              <UsageBar
                label={t("usage.cpu")}
                fraction={node.cpu}
                text={t("usage.ofCpus", { percent: percent(node.cpu), cpus: tn("cpus", node.maxCpu) })}
              />
              <UsageBar
                label={t("usage.memory")}
                fraction={fraction(node.memBytes, node.maxMemBytes)}
                text={t("usage.of", { used: bytes(node.memBytes), total: bytes(node.maxMemBytes) })}
              />
              <UsageBar
                label={t("usage.rootFs")}
                fraction={fraction(node.diskBytes, node.maxDiskBytes)}
                text={t("usage.of", { used: bytes(node.diskBytes), total: bytes(node.maxDiskBytes) })}
              />
            </>
          )}
          <div className="hf-card-foot">
            <span>{t("node.guestsRunning", { running, total: guests.length })}</span>
            {node.online && <span>{t("node.up", { duration: duration(node.uptimeS) })}</span>}
          </div>
        </div>
      </CardBody>
    </Card>
  );
}

function OnlineLabel({ online }: { online: boolean }) {
  return online ? (
    <Label isCompact status="success" variant="outline" icon={<CheckCircleIcon />}>
      {t("state.online")}
    </Label>
  ) : (
    <Label isCompact status="danger" variant="outline" icon={<TimesCircleIcon />}>
      {t("state.offline")}
    </Label>
  );
}
