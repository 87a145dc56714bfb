import { Button } from "@patternfly/react-core";
import EditIcon from "@patternfly/react-icons/dist/esm/icons/edit-icon";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { GuestResource } from "../../../api/cluster";
import { describeSnapshot, type Snapshot } from "../../../api/snapshots";
import type { Field } from "../../../components/FieldForm";
import { FormModal } from "../../../components/FormModal";
import { t } from "../../../i18n";
import { keys } from "../../../state/queryKeys";
import { useFormOrder } from "../../../state/useFormOrder";

interface Props {
  guest: GuestResource;
  snapshot: Snapshot;
}

/** Changes what is written about a snapshot. */
export function DescribeSnapshotButton(props: Props) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button
        variant="plain"
        size="sm"
        icon={<EditIcon />}
        aria-label={t("snapshot.describe", { name: props.snapshot.name })}
        onClick={() => setOpen(true)}
      />
      {open && <Describe {...props} onClose={() => setOpen(false)} />}
    </>
  );
}

function Describe({ guest, snapshot, onClose }: Props & { onClose: () => void }) {
  const queryClient = useQueryClient();
  const form = useFormOrder();
  const [description, setDescription] = useState(snapshot.description);
  const fields: Field[] = [{ kind: "text", name: "description", label: t("snapshot.description"), wide: true }];
  const submit = async () => {
    const values = { description };
    if (!(await form.send(fields, values, () => describeSnapshot(guest, snapshot.name, description)))) return;
    void queryClient.invalidateQueries({ queryKey: keys.snapshots(guest) });
    onClose();
  };
  return (
    <FormModal
      id="describe"
      size="small"
      title={t("snapshot.describe", { name: snapshot.name })}
      fields={fields}
      values={{ description }}
      errors={form.errors}
      problems={form.problems}
      busy={form.busy}
      submitLabel={t("save")}
      onChange={(name, value) => {
        form.changed(name);
        setDescription(value);
      }}
      onSubmit={() => void submit()}
      onClose={onClose}
    />
  );
}
