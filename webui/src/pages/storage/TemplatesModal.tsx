import { Button, Modal, ModalBody, ModalHeader, SearchInput } from "@patternfly/react-core";
import DownloadIcon from "@patternfly/react-icons/dist/esm/icons/download-icon";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { downloadTemplate, type Template } from "../../api/downloads";
import { t } from "../../i18n";
import { contentQuery } from "../../state/queries";
import { templatesQuery } from "../../state/storageQueries";
import { useToldAction } from "../../state/useToldAction";
import { QueryList } from "../common/QueryList";
import { HelpLink } from "../common/HelpLink";

interface Props {
  node: string;
  storage: string;
  onClose: () => void;
}

/** The templates of the node's lists; several can be fetched one after another. */
export default function TemplatesModal({ node, storage, onClose }: Props) {
  const [search, setSearch] = useState("");
  const query = useQuery(templatesQuery(node));
  const { data: present = [] } = useQuery(contentQuery(node, storage, "vztmpl"));
  const here = new Set(present.map(({ volid }) => volid.split("/").at(-1)));
  const words = search.trim().toLowerCase();
  const found = query.data?.filter(({ template, headline }) => `${template} ${headline}`.toLowerCase().includes(words));
  const columns = [
    { label: t("column.name"), cell: ({ template }: Template) => template },
    { label: t("templates.section"), cell: ({ section }: Template) => section, wideOnly: true },
    { label: t("templates.headline"), cell: ({ headline }: Template) => headline },
  ];
  return (
    <Modal isOpen variant="large" onClose={onClose} aria-labelledby="templates-title">
      <ModalHeader
        title={t("templates.title", { storage })}
        labelId="templates-title"
        help={<HelpLink topic="templates" />}
      />
      <ModalBody>
        <QueryList
          title={t("templates.list")}
          action={
            (query.data?.length ?? 0) > 0 && (
              <SearchInput
                aria-label={t("templates.search")}
                placeholder={t("templates.search")}
                value={search}
                onChange={(_event, text) => setSearch(text)}
                onClear={() => setSearch("")}
              />
            )
          }
          query={{ data: found, error: query.error, refetch: query.refetch }}
          emptyText={t(words ? "templates.noMatch" : "templates.none")}
          columns={columns}
          keyOf={({ template }) => template}
          actionsLabel={t("volume.actions")}
          actions={({ template }) =>
            here.has(template) ? (
              <span className="hf-subtle">{t("templates.here")}</span>
            ) : (
              <FetchButton node={node} storage={storage} template={template} />
            )
          }
        />
      </ModalBody>
    </Modal>
  );
}

function FetchButton({ node, storage, template }: { node: string; storage: string; template: string }) {
  const { busy, run } = useToldAction(t("templates.failed", { template }), () =>
    downloadTemplate(node, storage, template),
  );
  return (
    <Button
      variant="plain"
      size="sm"
      icon={<DownloadIcon />}
      isDisabled={busy}
      aria-label={t("templates.fetch", { template })}
      onClick={() => void run()}
    />
  );
}
