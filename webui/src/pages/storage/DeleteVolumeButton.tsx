import { Button } from "@patternfly/react-core";
import TrashIcon from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { deleteVolume, type Volume } from "../../api/storage";
import { ConfirmModal } from "../../components/ConfirmModal";
import { t } from "../../i18n";
import { bytes } from "../../state/format";
import { keys } from "../../state/queryKeys";
import { findGuest } from "../../state/resources";
import { useTaskAction } from "../../state/useTaskAction";
import { AsCode } from "../common/AsCode";
import { HelpLink } from "../common/HelpLink";
import { useResources } from "../common/useResources";
import { contentLabel } from "./contentLabel";

interface Props {
  node: string;
  storage: string;
  volume: Volume;
}

/** Removes a volume for good; not offered for the disks of a guest that exists, which go with the guest. */
export function DeleteVolumeButton({ node, storage, volume }: Props) {
  const [open, setOpen] = useState(false);
  const queryClient = useQueryClient();
  const { resources } = useResources();
  const order = () => deleteVolume(node, storage, volume.volid);
  const action = useTaskAction(order);
  const disk = volume.content === "images" || volume.content === "rootdir";
  if (disk && volume.vmid !== null && findGuest(resources, volume.vmid)) return null;
  const confirm = async () => {
    if (!(await action.run())) return;
    setOpen(false);
    void queryClient.invalidateQueries({ queryKey: keys.allStorage });
  };
  return (
    <>
      <Button
        variant="plain"
        size="sm"
        isDanger
        aria-label={t("volume.delete", { volume: volume.volid })}
        icon={<TrashIcon />}
        onClick={() => {
          action.reset();
          setOpen(true);
        }}
      />
      {open && (
        <ConfirmModal
          title={t("volume.deleteTitle")}
          confirmLabel={t("delete")}
          isDanger
          busy={action.busy}
          error={action.error}
          code={<AsCode order={order} />}
          help={<HelpLink />}
          onConfirm={() => void confirm()}
          onClose={() => setOpen(false)}
        >
          <p>{t("volume.deleteText", { content: contentLabel(volume.content), size: bytes(volume.sizeBytes) })}</p>
          <p className="hf-break hf-mono">{volume.volid}</p>
        </ConfirmModal>
      )}
    </>
  );
}
