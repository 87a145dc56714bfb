import { Button } from "@patternfly/react-core";
import LayerGroupIcon from "@patternfly/react-icons/dist/esm/icons/layer-group-icon";
import { type Disk, initDisk } from "../../../api/disks";
import { t } from "../../../i18n";
import { bytes } from "../../../state/format";
import { ConfirmedAction } from "../../common/ConfirmedAction";

/** An empty partition table for a disk that holds nothing. */
export function InitDiskButton({ node, disk }: { node: string; disk: Disk }) {
  const { path, model, sizeBytes } = disk;
  return (
    <ConfirmedAction
      button={(open) => (
        <Button
          variant="plain"
          size="sm"
          icon={<LayerGroupIcon />}
          aria-label={t("disk.init", { disk: path })}
          onClick={open}
        />
      )}
      title={t("disk.initTitle", { disk: path })}
      confirmLabel={t("disk.initSubmit")}
      order={() => initDisk(node, path)}
    >
      <p>{t("disk.initText", { model, size: bytes(sizeBytes) })}</p>
    </ConfirmedAction>
  );
}
