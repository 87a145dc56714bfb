import { Alert } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { moveDisk } from "../../../api/hardware";
import { limits } from "../../../api/limits";
import type { Field, Values } from "../../../components/FieldForm";
import { t } from "../../../i18n";
import { useApp } from "../../../state/app";
import { isOfFiles } from "../../../state/createGuest";
import { moveTargets, mustBeOff, storageOf } from "../../../state/diskMove";
import { bytes } from "../../../state/format";
import { storagesQuery } from "../../../state/queries";
import { EditModal } from "../../common/EditModal";
import { optionLabel } from "./optionLabel";
import type { Hardware } from "./types";

interface Props extends Hardware {
  option: string;
  volid: string;
  onClose: () => void;
}

const FORMATS = limits["POST /nodes/{node}/qemu/{vmid}/move_disk"]?.["format"]?.enum ?? [];

/** A disk or volume on another storage: the guest uses the copy, the original stays unused or goes. */
export default function MoveDisk({ guest, option, volid, onClose }: Props) {
  const { watchTask } = useApp();
  const own = storageOf(volid);
  const targets = moveTargets(guest, useQuery(storagesQuery(guest.node)).data ?? [], volid);
  const inTheWay = mustBeOff(guest, option);
  const fields = ({ storage = "" }: Values): Field[] => [
    {
      kind: "select",
      name: "storage",
      label: t("moveDisk.storage"),
      options: targets.map(({ storage: name, availableBytes }) => ({
        value: name,
        label: t(name === own ? "moveDisk.sameStorage" : "storage.withFree", {
          storage: name,
          free: bytes(availableBytes),
        }),
      })),
      empty: t("moveDisk.noStorage"),
      required: true,
      wide: true,
    },
    ...(guest.kind === "qemu" && isOfFiles(targets.find((target) => target.storage === storage)?.type ?? "")
      ? [formatField(storage === own)]
      : []),
    { kind: "checkbox", name: "remove", label: t("moveDisk.remove"), help: t("moveDisk.removeHelp"), wide: true },
  ];
  return (
    <EditModal
      topic={guest.kind === "qemu" ? "diskOfVm" : "volumeOfContainer"}
      id="move-disk"
      title={t("moveDisk.title", { option: optionLabel(option) })}
      submitLabel={t("moveDisk.submit")}
      fields={fields}
      values={{ storage: targets[0]?.storage ?? "", format: "", remove: "" }}
      fieldOf={(name) => (name === "delete" ? "remove" : name)}
      blocked={() => inTheWay}
      order={async ({ storage = "", format = "", remove }) => {
        const isFormat = isOfFiles(targets.find((target) => target.storage === storage)?.type ?? "");
        watchTask(await moveDisk(guest, option, { storage, format: isFormat ? format : "", remove: remove === "1" }));
      }}
      onClose={onClose}
    >
      {({ remove }) => (
        <>
          <p className="hf-break">
            {t("moveDisk.now")} <span className="hf-mono">{volid}</span>
          </p>
          {inTheWay && <Alert component="p" variant="danger" isInline title={t("moveDisk.mustBeOff")} />}
          {remove === "1" && (
            <Alert component="p" variant="warning" isInline title={t("moveDisk.lost", { volid })}>
              {t("moveDisk.lostText")}
            </Alert>
          )}
        </>
      )}
    </EditModal>
  );
}

/** Nothing would change on its own storage without another format, so there one must be chosen. */
function formatField(isOwn: boolean): Field {
  const options = FORMATS.map((format) => ({ value: format, label: format }));
  return {
    kind: "select",
    name: "format",
    label: t("moveDisk.format"),
    options: [{ value: "", label: t(isOwn ? "moveDisk.chooseFormat" : "moveDisk.sameFormat") }, ...options],
    required: isOwn,
    wide: true,
  };
}
