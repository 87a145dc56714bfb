import PencilAltIcon from "@patternfly/react-icons/dist/esm/icons/pencil-alt-icon";
import { useQuery } from "@tanstack/react-query";
import { setResolver } from "../../../api/system";
import type { Field } from "../../../components/FieldForm";
import { Facts } from "../../../components/Facts";
import { t } from "../../../i18n";
import { resolverQuery } from "../../../state/nodeQueries";
import { useHostChange } from "../../../state/useHostChange";
import { Answer } from "../../common/Answer";
import { EditModal } from "../../common/EditModal";
import { OpenButton } from "../../common/OpenButton";

const NUMBERS = [1, 2, 3] as const;

export function Resolver({ node }: { node: string }) {
  return (
    <Answer query={useQuery(resolverQuery(node))}>
      {({ search, servers }) => (
        <Facts
          facts={[
            { label: t("dns.search"), value: search },
            { label: t("dns.servers"), value: servers.join(", ") },
          ]}
        />
      )}
    </Answer>
  );
}

export function EditResolverButton({ node }: { node: string }) {
  const { data } = useQuery(resolverQuery(node));
  const change = useHostChange(node);
  if (!data) return null;
  const servers = NUMBERS.map((n): Field => ({ kind: "text", name: `dns${n}`, label: t("dns.server", { n }) }));
  return (
    <OpenButton variant="plain" icon={<PencilAltIcon />} label={t("dns.edit")}>
      {(onClose) => (
        <EditModal
          id="dns"
          size="small"
          title={t("dns.edit")}
          submitLabel={t("save")}
          fields={[{ kind: "text", name: "search", label: t("dns.search"), required: true }, ...servers]}
          values={{
            search: data.search,
            ...Object.fromEntries(NUMBERS.map((n) => [`dns${n}`, data.servers[n - 1] ?? ""])),
          }}
          order={({ search = "", ...given }) => change(() => setResolver(node, search.trim(), given))}
          onClose={onClose}
        />
      )}
    </OpenButton>
  );
}
