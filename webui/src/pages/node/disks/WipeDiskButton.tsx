import { Button } from "@patternfly/react-core";
import EraserIcon from "@patternfly/react-icons/dist/esm/icons/eraser-icon";
import { type Disk, wipeDisk } from "../../../api/disks";
import { t } from "../../../i18n";
import { contentsOf } from "../../../state/disks";
import { bytes } from "../../../state/format";
import { ConfirmedAction } from "../../common/ConfirmedAction";

interface Props {
  node: string;
  disk: Disk;
  partitions: readonly Disk[];
}

/** Removes everything from a disk, after saying what that is. The server refuses what the host works with. */
export function WipeDiskButton({ node, disk, partitions }: Props) {
  const { path, model, sizeBytes } = disk;
  const contents = contentsOf(disk, partitions);
  return (
    <ConfirmedAction
      button={(open) => (
        <Button
          variant="plain"
          size="sm"
          isDanger
          icon={<EraserIcon />}
          aria-label={t("disk.wipe", { disk: path })}
          onClick={open}
        />
      )}
      title={t("disk.wipeTitle", { disk: path })}
      confirmLabel={t("disk.wipeSubmit")}
      isDanger
      typeToConfirm={path}
      order={() => wipeDisk(node, path)}
    >
      <p>{t("disk.wipeText", { disk: path })}</p>
      <p>{t("disk.wipeModel", { model, size: bytes(sizeBytes) })}</p>
      {contents.length > 0 && (
        <p>{t("disk.wipeHolds", { use: contents.map(({ use, path: place }) => `${use} (${place})`).join(", ") })}</p>
      )}
    </ConfirmedAction>
  );
}
