import { Alert, Label, PageSection } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { Interface } from "../../api/system";
import { ItemList } from "../../components/ItemList";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { networkQuery } from "../../state/nodeQueries";

const columns = () => [
  { label: t("network.name"), cell: ({ name }: Interface) => name },
  { label: t("network.type"), cell: ({ type }: Interface) => type },
  { label: t("network.state"), cell: ({ active }: Interface) => <State active={active} /> },
  { label: t("network.addresses"), cell: ({ addresses }: Interface) => <Each texts={addresses} /> },
  { label: t("network.gateways"), cell: ({ gateways }: Interface) => <Each texts={gateways} />, wideOnly: true },
  { label: t("network.parts"), cell: ({ parts }: Interface) => parts.join(", "), wideOnly: true },
  { label: t("network.comment"), cell: ({ comment }: Interface) => comment, wideOnly: true },
];

/** Interfaces as configured, and the difference that waits to be applied. */
export default function NetworkTab({ node }: { node: string }) {
  const { data, error, refetch } = useQuery(networkQuery(node));
  return (
    <PageSection isFilled>
      <ItemList
        title={t("network.title")}
        items={data?.interfaces}
        error={error ? errorText(error) : null}
        onRetry={() => void refetch()}
        emptyText={t("network.none")}
        columns={columns()}
        keyOf={({ name }) => name}
      />
      {data?.changes && (
        <Alert component="p" isInline variant="info" title={t("network.pending")}>
          <pre className="hf-mono hf-notes">{data.changes}</pre>
        </Alert>
      )}
    </PageSection>
  );
}

function Each({ texts }: { texts: readonly string[] }) {
  return (
    <>
      {texts.map((text) => (
        <div key={text}>{text}</div>
      ))}
    </>
  );
}

function State({ active }: { active: boolean }) {
  return (
    <Label isCompact variant="outline" color={active ? "green" : "grey"}>
      {t(active ? "network.active" : "network.inactive")}
    </Label>
  );
}
