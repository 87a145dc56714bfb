import { Button, List, ListItem, Modal, ModalBody, ModalFooter, ModalHeader, Title } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { LogView } from "../../components/LogView";
import { Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { incidentQuery } from "../../state/clusterQueries";
import { HelpLink } from "../common/HelpLink";

/** What failed first, what was decided and why, and all that was seen. */
export function IncidentModal({ id, onClose }: { id: string; onClose: () => void }) {
  const { data, error, refetch } = useQuery(incidentQuery(id));
  return (
    <Modal isOpen variant="large" onClose={onClose} aria-labelledby="incident-title">
      <ModalHeader
        title={data?.title ?? t("incident.account")}
        labelId="incident-title"
        help={<HelpLink topic="incident" />}
      />
      <ModalBody>
        {data ? (
          <div className="hf-stack">
            {data.first && <p>{t("incident.first", { sign: data.first })}</p>}
            <List>
              {data.summary.map((line) => (
                <ListItem key={line}>{line}</ListItem>
              ))}
            </List>
            <Title headingLevel="h2" size="md">
              {t("incident.timeline")}
            </Title>
            <LogView label={t("incident.timeline")} lines={data.timeline.map((text, n) => ({ n, text }))} />
          </div>
        ) : error ? (
          <Failed text={errorText(error)} onRetry={() => void refetch()} />
        ) : (
          <Loading />
        )}
      </ModalBody>
      <ModalFooter>
        <Button onClick={onClose}>{t("close")}</Button>
      </ModalFooter>
    </Modal>
  );
}
