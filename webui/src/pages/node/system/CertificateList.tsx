import { Label } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { Certificate } from "../../../api/system";
import { t } from "../../../i18n";
import { dateTime } from "../../../state/format";
import { certificatesQuery } from "../../../state/nodeQueries";
import { QueryList } from "../../common/QueryList";

const SOON_S = 30 * 86_400;

const columns = () => [
  { label: t("certificate.file"), cell: ({ file }: Certificate) => file },
  { label: t("certificate.subject"), cell: ({ subject, names }: Certificate) => [subject, ...names].join(", ") },
  { label: t("certificate.issuer"), cell: ({ issuer }: Certificate) => issuer, wideOnly: true },
  { label: t("certificate.until"), cell: ({ untilS }: Certificate) => <Until untilS={untilS} /> },
  {
    label: t("certificate.fingerprint"),
    cell: ({ fingerprint }: Certificate) => <span className="hf-mono hf-break">{fingerprint}</span>,
    wideOnly: true,
  },
];

/** The certificates of the node and of the cluster's authority. */
export function CertificateList({ node }: { node: string }) {
  return (
    <QueryList
      title={t("certificate.title")}
      query={useQuery(certificatesQuery(node))}
      emptyText={t("certificate.none")}
      columns={columns()}
      keyOf={({ file }) => file}
    />
  );
}

function Until({ untilS }: { untilS: number }) {
  const leftS = untilS - Date.now() / 1000;
  return (
    <>
      {dateTime(untilS)}{" "}
      {leftS < SOON_S && (
        <Label isCompact variant="outline" status={leftS < 0 ? "danger" : "warning"}>
          {t(leftS < 0 ? "certificate.expired" : "certificate.soon")}
        </Label>
      )}
    </>
  );
}
