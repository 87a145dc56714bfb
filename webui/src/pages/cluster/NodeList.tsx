import { Label } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { Link as RouterLink } from "react-router";
import type { Member, Membership, NodeConfig } from "../../api/membership";
import { ItemList } from "../../components/ItemList";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { nodeConfigsQuery } from "../../state/clusterQueries";
import { urls } from "../urls";
import { AddNodeButton } from "./AddNodeButton";
import { LinkState } from "./LinkState";
import { RemoveNodeButton } from "./RemoveNodeButton";

interface Row extends NodeConfig {
  /** undefined where the status does not know it yet. */
  member: Member | undefined;
}

/** The nodes: votes, addresses, how well the asked one hears them. */
export function NodeList({ membership: { members } }: { membership: Membership }) {
  const { data, error, refetch } = useQuery(nodeConfigsQuery());
  const asked = members.find(({ local }) => local)?.name ?? "";
  const rows = data?.map((config): Row => ({ ...config, member: members.find(({ name }) => name === config.name) }));
  const columns = [
    { label: t("column.node"), cell: ({ name }: Row) => <RouterLink to={urls.node(name)}>{name}</RouterLink> },
    {
      label: t("cluster.nodeState"),
      cell: ({ member }: Row) => <MemberState online={member?.online ?? false} />,
      short: true,
    },
    { label: t("cluster.nodeVotes"), cell: ({ votes }: Row) => votes },
    { label: t("cluster.addresses"), cell: ({ addresses }: Row) => addresses.join(", ") },
    {
      label: t("cluster.links", { node: asked }),
      cell: ({ member }: Row) => <LinkState member={member} />,
    },
  ];
  return (
    <ItemList
      title={t("nodes")}
      action={<AddNodeButton />}
      items={rows}
      error={error ? errorText(error) : null}
      onRetry={() => void refetch()}
      emptyText={t("cluster.noNodes")}
      columns={columns}
      keyOf={({ name }) => name}
      actionsLabel={t("access.actions")}
      actions={({ name, member }) => (member?.local || member?.online ? null : <RemoveNodeButton node={name} />)}
    />
  );
}

function MemberState({ online }: { online: boolean }) {
  return (
    <Label isCompact variant="outline" status={online ? "success" : "danger"}>
      {t(online ? "state.online" : "state.offline")}
    </Label>
  );
}
