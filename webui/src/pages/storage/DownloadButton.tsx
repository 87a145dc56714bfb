import DownloadIcon from "@patternfly/react-icons/dist/esm/icons/download-icon";
import { lazy } from "react";
import { UPLOADABLE } from "../../api/storage";
import { t } from "../../i18n";
import { OpenButton } from "../common/OpenButton";

const DownloadModal = lazy(() => import("./DownloadModal"));

interface Props {
  node: string;
  storage: string;
  /** What the storage is configured to hold. */
  content: readonly string[];
}

/** Has the node fetch a file from the web; nothing where the storage takes none. */
export function DownloadButton({ node, storage, content }: Props) {
  const kinds = UPLOADABLE.filter((kind) => content.includes(kind));
  if (kinds.length === 0) return null;
  return (
    <OpenButton variant="secondary" icon={<DownloadIcon />} label={t("download.open")}>
      {(onClose) => <DownloadModal node={node} storage={storage} kinds={kinds} onClose={onClose} />}
    </OpenButton>
  );
}
