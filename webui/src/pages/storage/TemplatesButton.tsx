import CubesIcon from "@patternfly/react-icons/dist/esm/icons/cubes-icon";
import { lazy } from "react";
import { t } from "../../i18n";
import { OpenButton } from "../common/OpenButton";

const TemplatesModal = lazy(() => import("./TemplatesModal"));

interface Props {
  node: string;
  storage: string;
  /** What the storage is configured to hold. */
  content: readonly string[];
}

/** Templates of containers that servers offer; nothing where the storage holds none. */
export function TemplatesButton({ node, storage, content }: Props) {
  if (!content.includes("vztmpl")) return null;
  return (
    <OpenButton variant="secondary" icon={<CubesIcon />} label={t("templates.open")}>
      {(onClose) => <TemplatesModal node={node} storage={storage} onClose={onClose} />}
    </OpenButton>
  );
}
