import { Alert } from "@patternfly/react-core";
import CameraIcon from "@patternfly/react-icons/dist/esm/icons/camera-icon";
import type { GuestResource } from "../../../api/cluster";
import { limits } from "../../../api/limits";
import { type Snapshot, takeSnapshot } from "../../../api/snapshots";
import type { Field } from "../../../components/FieldForm";
import { t } from "../../../i18n";
import { useApp } from "../../../state/app";
import { freeSnapshotName } from "../../../state/snapshots";
import { EditModal } from "../../common/EditModal";
import { OpenButton } from "../../common/OpenButton";

interface Props {
  guest: GuestResource;
  taken: readonly Snapshot[];
}

const LONGEST = limits["POST /nodes/{node}/qemu/{vmid}/snapshot"]?.["snapname"]?.maxLength ?? 0;

/** Keeps the guest's present state under a name. */
export function TakeSnapshotButton({ guest, taken }: Props) {
  const isDisabled = !guest.known || guest.lock !== null || guest.template;
  return (
    <OpenButton icon={<CameraIcon />} label={t("snapshot.take")} isDisabled={isDisabled}>
      {(onClose) => <TakeSnapshot guest={guest} taken={taken} onClose={onClose} />}
    </OpenButton>
  );
}

function TakeSnapshot({ guest, taken, onClose }: Props & { onClose: () => void }) {
  const { watchTask } = useApp();
  const fields: Field[] = [
    {
      kind: "text",
      name: "snapname",
      label: t("column.name"),
      help: t("snapshot.nameHelp", { n: LONGEST }),
      required: true,
      wide: true,
    },
    { kind: "text", name: "description", label: t("snapshot.description"), wide: true },
  ];
  if (guest.kind === "qemu" && guest.running) {
    fields.push({
      kind: "checkbox",
      name: "vmstate",
      label: t("snapshot.withMemory"),
      help: t("snapshot.withMemoryHelp"),
      wide: true,
    });
  }
  return (
    <EditModal
      id="snapshot"
      size="small"
      title={t("snapshot.takeTitle")}
      submitLabel={t("snapshot.take")}
      fields={fields}
      values={{ snapname: freeSnapshotName(taken, t("snapshot.stem")), vmstate: "" }}
      order={async ({ snapname = "", description = "", vmstate }) =>
        watchTask(await takeSnapshot(guest, { name: snapname.trim(), description, memory: vmstate === "1" }))
      }
      onClose={onClose}
    >
      {(values) => (
        <>
          <p className="hf-break">{t("snapshot.guest", { vmid: guest.vmid, name: guest.name })}</p>
          {guest.running && values["vmstate"] !== "1" && (
            <Alert component="p" variant="info" isInline isPlain title={t("snapshot.likePowerCut")} />
          )}
        </>
      )}
    </EditModal>
  );
}
