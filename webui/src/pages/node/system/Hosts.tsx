import PencilAltIcon from "@patternfly/react-icons/dist/esm/icons/pencil-alt-icon";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type HostsFile, setHosts } from "../../../api/system";
import { t } from "../../../i18n";
import { hostsQuery } from "../../../state/nodeQueries";
import { useHostChange } from "../../../state/useHostChange";
import { Answer } from "../../common/Answer";
import { EditModal } from "../../common/EditModal";
import { OpenButton } from "../../common/OpenButton";

export function Hosts({ node }: { node: string }) {
  return (
    <Answer query={useQuery(hostsQuery(node))}>
      {({ text }) => <pre className="hf-mono hf-notes hf-break">{text}</pre>}
    </Answer>
  );
}

export function EditHostsButton({ node }: { node: string }) {
  const { data } = useQuery(hostsQuery(node));
  if (!data) return null;
  return (
    <OpenButton variant="plain" icon={<PencilAltIcon />} label={t("hosts.edit")}>
      {(onClose) => <EditHosts node={node} file={data} onClose={onClose} />}
    </OpenButton>
  );
}

interface EditProps {
  node: string;
  file: HostsFile;
  onClose: () => void;
}

/** The text as a whole; refused if somebody else has changed it since this window was opened. */
function EditHosts({ node, file, onClose }: EditProps) {
  const [{ text, digest }] = useState(file);
  const change = useHostChange(node);
  return (
    <EditModal
      id="hosts"
      title={t("hosts.edit")}
      submitLabel={t("save")}
      fields={[{ kind: "lines", name: "data", label: t("hosts.text"), rows: 12, required: true, wide: true }]}
      values={{ data: text }}
      order={({ data = "" }) => change(() => setHosts(node, { text: data, digest }))}
      onClose={onClose}
    />
  );
}
