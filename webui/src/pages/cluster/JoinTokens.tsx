import { useQuery } from "@tanstack/react-query";
import { deleteJoinToken, type JoinToken } from "../../api/membership";
import { ItemList } from "../../components/ItemList";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { dateTime } from "../../state/format";
import { joinTokensQuery } from "../../state/clusterQueries";
import { keys } from "../../state/queryKeys";
import { RemoveItemButton } from "../common/RemoveItemButton";

/** Who was let in by a token, and which ones still open the door. */
export function JoinTokens() {
  const { data, error, refetch } = useQuery(joinTokensQuery());
  const columns = [
    { label: t("joinToken.id"), cell: ({ id }: JoinToken) => <span className="hf-mono">{id}</span> },
    { label: t("joinToken.state"), cell: (token: JoinToken) => stateText(token) },
    { label: t("joinToken.by"), cell: ({ by }: JoinToken) => by },
    { label: t("joinToken.expires"), cell: ({ expiresS }: JoinToken) => dateTime(expiresS) },
  ];
  return (
    <ItemList
      title={t("joinTokens")}
      items={data}
      error={error ? errorText(error) : null}
      onRetry={() => void refetch()}
      emptyText={t("joinToken.none")}
      columns={columns}
      keyOf={({ id }) => id}
      actionsLabel={t("access.actions")}
      actions={({ id }) => (
        <RemoveItemButton
          label={t("joinToken.delete", { id })}
          title={t("joinToken.deleteTitle")}
          touches={keys.joinTokens}
          remove={() => deleteJoinToken(id)}
        >
          <p>{t("joinToken.deleteText")}</p>
        </RemoveItemButton>
      )}
    />
  );
}

function stateText({ node, expiresS }: JoinToken): string {
  if (node !== null) return t("joinToken.used", { node });
  return t(expiresS * 1000 <= Date.now() ? "joinToken.expired" : "joinToken.open");
}
