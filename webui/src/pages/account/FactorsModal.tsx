import { Alert, Button, Label, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import TrashIcon from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { Factor } from "../../api/factors";
import { keysPossible } from "../../api/webauthn";
import { Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { dateTime } from "../../state/format";
import { HelpLink } from "../common/HelpLink";
import { factorName, kindName } from "./factorName";

interface Props {
  user: string;
  /** undefined while they are asked for. */
  factors: readonly Factor[] | undefined;
  error: unknown;
  onRetry: () => void;
  onAdd: (kind: "totp" | "recovery" | "webauthn") => void;
  onRemove: (factor: Factor) => void;
  onClose: () => void;
}

export function FactorsModal({ user, factors, error, onRetry, onAdd, onRemove, onClose }: Props) {
  const has = (type: string) => factors?.some((factor) => factor.type === type) ?? false;
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby="factors-title">
      <ModalHeader
        title={t("factors.title")}
        labelId="factors-title"
        description={t("factors.text", { user })}
        help={<HelpLink topic="factors" />}
      />
      <ModalBody>
        <div className="hf-stack">
          {!factors && (error ? <Failed text={errorText(error)} onRetry={onRetry} /> : <Loading />)}
          {factors?.length === 0 && <p>{t("factors.none")}</p>}
          {factors && factors.length > 0 && !has("recovery") && (
            <Alert component="p" variant="warning" isInline title={t("factors.lonely")} />
          )}
          {factors && factors.length > 0 && <FactorTable factors={factors} onRemove={onRemove} />}
          {factors && (
            <div className="hf-buttons">
              <Button variant="secondary" onClick={() => onAdd("totp")}>
                {t("totp.add")}
              </Button>
              {keysPossible() && (
                <Button variant="secondary" onClick={() => onAdd("webauthn")}>
                  {t("webauthn.add")}
                </Button>
              )}
              {!has("recovery") && (
                <Button variant="secondary" onClick={() => onAdd("recovery")}>
                  {t("recovery.add")}
                </Button>
              )}
            </div>
          )}
          {factors && !keysPossible() && <p>{t("factors.noKeys")}</p>}
        </div>
      </ModalBody>
      <ModalFooter>
        <Button variant="primary" onClick={onClose}>
          {t("factors.close")}
        </Button>
      </ModalFooter>
    </Modal>
  );
}

function FactorTable({ factors, onRemove }: Pick<Props, "onRemove"> & { factors: readonly Factor[] }) {
  return (
    <Table variant="compact" aria-label={t("factors.list")} gridBreakPoint="grid-md">
      <Thead>
        <Tr>
          <Th>{t("factors.kind")}</Th>
          <Th>{t("factors.description")}</Th>
          <Th>{t("factors.created")}</Th>
          <Th screenReaderText={t("factors.actions")} />
        </Tr>
      </Thead>
      <Tbody>
        {factors.map((factor) => (
          <Tr key={factor.id}>
            <Td dataLabel={t("factors.kind")}>
              {kindName(factor)} {!factor.enabled && <Label isCompact>{t("factors.off")}</Label>}
            </Td>
            <Td dataLabel={t("factors.description")} modifier="breakWord">
              {factor.type === "recovery" ? t("factor.recovery.text") : factor.description}
            </Td>
            <Td dataLabel={t("factors.created")} modifier="nowrap">
              {factor.createdS > 0 ? dateTime(factor.createdS) : null}
            </Td>
            <Td isActionCell className="hf-row-action">
              <Button
                variant="plain"
                size="sm"
                isDanger
                aria-label={t("removeFactor.button", { name: factorName(factor) })}
                icon={<TrashIcon />}
                onClick={() => onRemove(factor)}
              />
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}
