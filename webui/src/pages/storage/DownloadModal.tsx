import { Alert } from "@patternfly/react-core";
import { downloadFile } from "../../api/downloads";
import { limits } from "../../api/limits";
import type { Uploadable } from "../../api/storage";
import type { Field, Values } from "../../components/FieldForm";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { fileNameOf, guessContent, unpacked } from "../../state/uploadKind";
import { EditModal } from "../common/EditModal";
import { contentLabel } from "./contentLabel";

const ALGORITHMS = limits["POST /nodes/{node}/storage/{storage}/download-url"]?.["checksum-algorithm"]?.enum ?? [];

interface Props {
  node: string;
  storage: string;
  kinds: readonly Uploadable[];
  onClose: () => void;
}

/** Name and kind follow from the address, unless something else is said. */
export default function DownloadModal({ node, storage, kinds, onClose }: Props) {
  const { watchTask } = useApp();
  const meant = ({ url = "", filename = "", content = "" }: Values) => {
    const { name, compression } = unpacked(fileNameOf(url.trim()));
    const called = filename.trim() || name;
    const kind = kinds.find((each) => each === (content || guessContent(called))) ?? null;
    return { name: called, kind, compression: kind === "iso" ? compression : "" };
  };
  const fields = (values: Values): Field[] => [
    { kind: "text", name: "url", label: t("download.url"), placeholder: "https://", required: true, wide: true },
    {
      kind: "text",
      name: "filename",
      label: t("download.name"),
      placeholder: meant({ ...values, filename: "" }).name,
      help: t("download.nameHelp"),
    },
    {
      kind: "select",
      name: "content",
      label: t("volume.content"),
      options: [
        { value: "", label: t("download.byName") },
        ...kinds.map((value) => ({ value, label: contentLabel(value) })),
      ],
    },
    {
      kind: "select",
      name: "algorithm",
      label: t("download.algorithm"),
      options: [
        { value: "", label: t("download.unchecked") },
        ...ALGORITHMS.map((value) => ({ value, label: value.toUpperCase() })),
      ],
    },
    ...(values["algorithm"]
      ? [{ kind: "text" as const, name: "checksum", label: t("download.checksum"), required: true }]
      : []),
    { kind: "checkbox", name: "verify", label: t("download.verify"), wide: true },
  ];
  const unclear = (values: Values) => meant(values).name !== "" && meant(values).kind === null;
  return (
    <EditModal
      id="download"
      title={t("download.title", { storage })}
      submitLabel={t("download.submit")}
      fields={fields}
      values={{ url: "", filename: "", content: "", algorithm: "", checksum: "", verify: "1" }}
      fieldOf={(name) => (name === "checksum-algorithm" ? "algorithm" : name)}
      blocked={(values) => meant(values).kind === null}
      order={async (values) => {
        const { url = "", algorithm = "", checksum = "", verify } = values;
        const { name, kind, compression } = meant(values);
        if (kind === null) return;
        const checked = algorithm ? checksum.trim() : "";
        watchTask(
          await downloadFile({
            node,
            storage,
            url: url.trim(),
            content: kind,
            filename: name,
            checksum: checked,
            algorithm,
            compression,
            verify: verify === "1",
          }),
        );
      }}
      onClose={onClose}
    >
      {(values) =>
        unclear(values) && (
          <Alert component="p" variant="info" isInline title={t("download.unclear", { name: meant(values).name })} />
        )
      }
    </EditModal>
  );
}
