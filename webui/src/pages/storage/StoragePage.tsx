import { Card, CardBody, Label, PageSection } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import type { StorageResource } from "../../api/cluster";
import "../../i18n/wholeStorage";
import { Facts } from "../../components/Facts";
import { Failed, Loading } from "../../components/States";
import { UsageBar } from "../../components/UsageBar";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { bytes, fraction } from "../../state/format";
import { storageQuery } from "../../state/queries";
import { storagesOf } from "../../state/resources";
import { HistoryGraphs } from "../common/HistoryGraphs";
import { PageHeader } from "../common/PageHeader";
import { ResourceIcon } from "../common/ResourceIcon";
import { useResources } from "../common/useResources";
import { NotFoundPage } from "../notfound/NotFoundPage";
import { urls } from "../urls";
import { ContentList } from "./ContentList";
import { contentLabels } from "./contentLabel";
import { DownloadButton } from "./DownloadButton";
import { TemplatesButton } from "./TemplatesButton";
import { UploadButton } from "./UploadButton";

export default function StoragePage() {
  const { node = "", storage: name = "" } = useParams();
  const { resources, loaded, error, retry } = useResources();
  const storage = storagesOf(resources, node).find((candidate) => candidate.storage === name);
  if (!loaded) return error ? <Failed isPage text={errorText(error)} onRetry={retry} /> : <Loading />;
  if (!storage) return <NotFoundPage title={t("storage.notFound", { storage: name, node })} />;
  return <StorageView key={storage.id} storage={storage} />;
}

function StorageView({ storage }: { storage: StorageResource }) {
  const { node, storage: name, available } = storage;
  return (
    <>
      <PageHeader
        above={[
          { label: t("datacenter"), to: urls.datacenter },
          { label: node, to: urls.node(node) },
        ]}
        title={name}
        icon={<ResourceIcon resource={storage} />}
        label={
          <Label isCompact variant="outline" status={available ? "success" : "danger"}>
            {t(available ? "state.online" : "state.unavailable")}
          </Label>
        }
        actions={
          available && (
            <span className="hf-buttons">
              <UploadButton node={node} storage={name} content={storage.content} />
              <DownloadButton node={node} storage={name} content={storage.content} />
              <TemplatesButton node={node} storage={name} content={storage.content} />
            </span>
          )
        }
      />
      <PageSection>
        <StorageStatus storage={storage} />
      </PageSection>
      <PageSection>
        <HistoryGraphs of={{ kind: "storage", node, storage: name }} />
      </PageSection>
      {available && (
        <PageSection isFilled>
          <ContentList node={node} storage={name} />
        </PageSection>
      )}
    </>
  );
}

function StorageStatus({ storage }: { storage: StorageResource }) {
  const { data, error, refetch } = useQuery(storageQuery(storage.node, storage.storage));
  if (error && !data) return <Failed text={errorText(error)} onRetry={() => void refetch()} />;
  if (!data) return <Loading />;
  return (
    <Card isCompact>
      <CardBody>
        <div className="hf-stack">
          {data.totalBytes > 0 && (
            <UsageBar
              label={t("storage.usage")}
              fraction={fraction(data.usedBytes, data.totalBytes)}
              text={t("usage.of", { used: bytes(data.usedBytes), total: bytes(data.totalBytes) })}
            />
          )}
          <Facts
            columns={2}
            facts={[
              { label: t("storage.type"), value: data.type },
              { label: t("storage.available"), value: data.active ? bytes(data.availableBytes) : "" },
              { label: t("storage.content"), value: contentLabels(data.content) },
              { label: t("storage.shared"), value: t(data.shared ? "yes" : "no") },
            ]}
          />
        </div>
      </CardBody>
    </Card>
  );
}
