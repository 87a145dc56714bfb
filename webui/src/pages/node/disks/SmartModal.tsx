import { Alert, Modal, ModalBody, ModalHeader } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { Smart, SmartAttribute } from "../../../api/disks";
import { ItemList } from "../../../components/ItemList";
import { Empty, Failed, Loading } from "../../../components/States";
import { t } from "../../../i18n";
import { judgeHealth } from "../../../state/disks";
import { errorText } from "../../../state/errorText";
import { smartQuery } from "../../../state/nodeQueries";
import { HelpLink } from "../../common/HelpLink";
import { Word } from "./Health";

interface Props {
  node: string;
  disk: string;
  onClose: () => void;
}

/** What a disk says about its health. */
export function SmartModal({ node, disk, onClose }: Props) {
  const { data, error, refetch } = useQuery(smartQuery(node, disk));
  return (
    <Modal isOpen variant="large" onClose={onClose} aria-labelledby="smart-title">
      <ModalHeader title={t("disk.smart", { disk })} labelId="smart-title" help={<HelpLink />} />
      <ModalBody tabIndex={0} aria-labelledby="smart-title">
        {data ? (
          <div className="hf-stack">
            {judgeHealth(data.health) && (
              <Alert component="p" isInline variant="danger" title={t("disk.failing", { disk })} />
            )}
            <Told smart={data} />
          </div>
        ) : error ? (
          <Failed text={errorText(error)} onRetry={() => void refetch()} />
        ) : (
          <Loading />
        )}
      </ModalBody>
    </Modal>
  );
}

const columns = () => [
  { label: t("disk.attribute"), cell: ({ id, name }: SmartAttribute) => `${id} ${name}` },
  { label: t("disk.value"), cell: ({ value }: SmartAttribute) => value },
  { label: t("disk.worst"), cell: ({ worst }: SmartAttribute) => worst, wideOnly: true },
  { label: t("disk.threshold"), cell: ({ threshold }: SmartAttribute) => threshold, wideOnly: true },
  { label: t("disk.raw"), cell: ({ raw }: SmartAttribute) => raw },
  {
    label: t("disk.failed"),
    cell: ({ failed }: SmartAttribute) => failed && <Word judgement="danger" text={failed} />,
    wideOnly: true,
  },
];

function Told({ smart: { health, attributes, text } }: { smart: Smart }) {
  if (attributes.length === 0 && text === "") return <Empty title={health} text={t("disk.smartNone")} />;
  if (attributes.length === 0) return <pre className="hf-notes hf-mono">{text}</pre>;
  return (
    <ItemList
      title={health}
      items={attributes}
      error={null}
      onRetry={() => undefined}
      emptyText=""
      columns={columns()}
      keyOf={({ id }) => id}
    />
  );
}
