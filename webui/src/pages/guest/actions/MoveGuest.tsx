import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { GuestResource } from "../../../api/cluster";
import { moveGuest } from "../../../api/moves";
import type { Field } from "../../../components/FieldForm";
import { FormModal } from "../../../components/FormModal";
import { Loading } from "../../../components/States";
import { t } from "../../../i18n";
import { useApp } from "../../../state/app";
import { errorText } from "../../../state/errorText";
import { migrationQuery } from "../../../state/queries";
import { nodes } from "../../../state/resources";
import { AsCode } from "../../common/AsCode";
import { HelpLink } from "../../common/HelpLink";
import { useStorageOptions } from "../../common/useStorageOptions";
import { useFormOrder } from "../../../state/useFormOrder";
import { useResources } from "../../common/useResources";
import { MovePreconditions } from "./MovePreconditions";

/** Where to, with what stands in the way said before the button works. */
export default function MoveGuest({ guest, onClose }: { guest: GuestResource; onClose: () => void }) {
  const { watchTask } = useApp();
  const form = useFormOrder();
  const { data: report, error } = useQuery(migrationQuery(guest));
  const others = nodes(useResources().resources).filter(({ node }) => node !== guest.node);
  const [edited, setEdited] = useState<Record<string, string>>({});
  const able = others.filter(({ node, online }) => online && report && (report.allowed?.includes(node) ?? true));
  const target = edited["target"] ?? able[0]?.node ?? others[0]?.node ?? "";
  const storages = useStorageOptions(target, guest.kind === "qemu" ? "images" : "rootdir");
  const copies = (report?.localDisks.length ?? 0) > 0;
  const values = { target, storage: edited["storage"] ?? "" };
  const fields: Field[] = [
    {
      kind: "select",
      name: "target",
      label: t("move.target"),
      options: others.map(({ node, online }) => ({
        value: node,
        label: online ? node : t("move.offline", { node }),
      })),
      required: true,
      wide: true,
    },
  ];
  if (copies && guest.kind === "qemu") {
    fields.push({
      kind: "select",
      name: "storage",
      label: t("move.storage"),
      options: [{ value: "", label: t("move.sameStorage") }, ...storages],
      wide: true,
    });
  }
  const online = others.some((other) => other.node === target && other.online);
  const named = (report?.missing.get(target)?.length ?? 0) > 0 && values.storage !== ""; // another storage for its disks
  const possible = online && (named || able.some(({ node }) => node === target));
  const blocked = !possible || (report?.localDevices.length ?? 0) > 0;
  const move = { ...values, running: report?.running ?? guest.running, withDisks: copies };
  const submit = async () => {
    if (await form.send(fields, values, async () => watchTask(await moveGuest(guest, move)))) onClose();
  };
  return (
    <FormModal
      id="move"
      title={t("move.title", { vmid: guest.vmid, node: guest.node })}
      fields={fields}
      values={values}
      errors={form.errors}
      problems={error ? [errorText(error), ...form.problems] : form.problems}
      busy={form.busy}
      blocked={blocked}
      submitLabel={t("move")}
      code={<AsCode order={() => moveGuest(guest, move)} />}
      help={<HelpLink topic={guest.kind === "qemu" ? "moveVm" : "moveContainer"} />}
      onChange={(name, value) => {
        form.changed(name);
        setEdited(name === "target" ? { target: value } : { ...edited, [name]: value });
      }}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      {report ? (
        <MovePreconditions guest={guest} report={report} target={target} offline={!online} named={named} />
      ) : (
        !error && <Loading />
      )}
    </FormModal>
  );
}
