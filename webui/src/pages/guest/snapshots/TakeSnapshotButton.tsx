import { Alert, Button } from "@patternfly/react-core";
import CameraIcon from "@patternfly/react-icons/dist/esm/icons/camera-icon";
import { useState } from "react";
import type { GuestResource } from "../../../api/cluster";
import { limits } from "../../../api/limits";
import { type Snapshot, takeSnapshot } from "../../../api/snapshots";
import type { Field } from "../../../components/FieldForm";
import { FormModal } from "../../../components/FormModal";
import { t } from "../../../i18n";
import { useApp } from "../../../state/app";
import { freeSnapshotName } from "../../../state/snapshots";
import { useFormOrder } from "../../../state/useFormOrder";

interface Props {
  guest: GuestResource;
  taken: readonly Snapshot[];
}

const LONGEST = limits["POST /nodes/{node}/qemu/{vmid}/snapshot"]?.["snapname"]?.maxLength ?? 0;

/** Keeps the guest's present state under a name. */
export function TakeSnapshotButton({ guest, taken }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button
        icon={<CameraIcon />}
        isDisabled={!guest.known || guest.lock !== null || guest.template}
        onClick={() => setOpen(true)}
      >
        {t("snapshot.take")}
      </Button>
      {open && <TakeSnapshot guest={guest} taken={taken} onClose={() => setOpen(false)} />}
    </>
  );
}

function TakeSnapshot({ guest, taken, onClose }: Props & { onClose: () => void }) {
  const { watchTask } = useApp();
  const form = useFormOrder();
  const [values, setValues] = useState<Record<string, string>>({
    snapname: freeSnapshotName(taken, t("snapshot.stem")),
    vmstate: "",
  });
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
  const submit = async () => {
    const { snapname = "", description = "", vmstate } = values;
    const order = async () =>
      watchTask(await takeSnapshot(guest, { name: snapname.trim(), description, memory: vmstate === "1" }));
    if (await form.send(fields, values, order)) onClose();
  };
  return (
    <FormModal
      id="snapshot"
      size="small"
      title={t("snapshot.takeTitle")}
      fields={fields}
      values={values}
      errors={form.errors}
      problems={form.problems}
      busy={form.busy}
      submitLabel={t("snapshot.take")}
      onChange={(name, value) => {
        form.changed(name);
        setValues({ ...values, [name]: value });
      }}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      <p className="hf-break">{t("snapshot.guest", { vmid: guest.vmid, name: guest.name })}</p>
      {guest.running && values["vmstate"] !== "1" && (
        <Alert variant="info" isInline isPlain title={t("snapshot.likePowerCut")} />
      )}
    </FormModal>
  );
}
