import { Button } from "@patternfly/react-core";
import UploadIcon from "@patternfly/react-icons/dist/esm/icons/upload-icon";
import { useState } from "react";
import { UPLOADABLE } from "../../api/storage";
import { t } from "../../i18n";
import { UploadModal } from "./UploadModal";

interface Props {
  node: string;
  storage: string;
  /** What the storage is configured to hold. */
  content: readonly string[];
}

/** Nothing where the storage takes no file from a browser. */
export function UploadButton({ node, storage, content }: Props) {
  const [open, setOpen] = useState(false);
  const kinds = UPLOADABLE.filter((kind) => content.includes(kind));
  if (kinds.length === 0) return null;
  return (
    <>
      <Button variant="secondary" icon={<UploadIcon />} onClick={() => setOpen(true)}>
        {t("upload")}
      </Button>
      {open && <UploadModal node={node} storage={storage} kinds={kinds} onClose={() => setOpen(false)} />}
    </>
  );
}
