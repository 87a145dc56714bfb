import { Alert, List, ListItem } from "@patternfly/react-core";
import type { GuestResource } from "../../../api/cluster";
import type { Migration } from "../../../api/moves";
import { t } from "../../../i18n";
import { bytes } from "../../../state/format";

interface Props {
  guest: GuestResource;
  report: Migration;
  target: string;
  offline: boolean;
  /** Another storage was chosen for its disks. */
  named: boolean;
}

/** What will happen on the way, and what stands in it. */
export function MovePreconditions({ guest, report, target, offline, named }: Props) {
  const { running, missing, localDisks, localDevices } = report;
  const lacking = missing.get(target) ?? [];
  const how = !running ? "move.stopped" : guest.kind === "qemu" ? "move.whileRunning" : "move.restarts";
  return (
    <>
      <Alert component="p" variant="info" isInline isPlain title={t(how)} />
      {offline && <Alert component="p" variant="danger" isInline title={t("move.isOffline", { node: target })} />}
      {lacking.length > 0 && (
        <Alert
          component="p"
          variant={named ? "info" : "danger"}
          isInline
          title={t("move.lacks", { node: target, storages: lacking.join(", ") })}
        />
      )}
      {localDevices.length > 0 && (
        <Alert component="p" variant="danger" isInline title={t("move.devices", { devices: localDevices.join(", ") })}>
          {t("move.devicesText")}
        </Alert>
      )}
      {localDisks.length > 0 && (
        <Alert component="p" variant="warning" isInline title={t("move.copies")}>
          <List>
            {localDisks.map(({ volid, sizeBytes }) => (
              <ListItem key={volid} className="hf-break">
                {sizeBytes > 0 ? `${volid}, ${bytes(sizeBytes)}` : volid}
              </ListItem>
            ))}
          </List>
        </Alert>
      )}
    </>
  );
}
