import { PageSection } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import EditIcon from "@patternfly/react-icons/dist/esm/icons/edit-icon";
import { createPool, deletePool, describePool, type Pool } from "../../api/pools";
import { ItemList } from "../../components/ItemList";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { poolsQuery } from "../../state/clusterQueries";
import { keys } from "../../state/queryKeys";
import { FormButton } from "../common/FormButton";
import { RemoveItemButton } from "../common/RemoveItemButton";
import { AddMemberButton } from "./AddMemberButton";
import { PoolMembers } from "./PoolMembers";

/** Guests and storages that are administered together. */
export default function PoolsTab() {
  const { data, error, refetch } = useQuery(poolsQuery());
  const columns = [
    { label: t("pool.id"), cell: ({ id }: Pool) => id },
    { label: t("pool.members"), cell: ({ id }: Pool) => <PoolMembers pool={id} /> },
    { label: t("user.comment"), cell: ({ comment }: Pool) => comment },
  ];
  return (
    <PageSection isFilled>
      <ItemList
        title={t("datacenter.pools")}
        action={<AddPool />}
        items={data}
        error={error ? errorText(error) : null}
        onRetry={() => void refetch()}
        emptyText={t("pool.none")}
        columns={columns}
        keyOf={({ id }) => id}
        actionsLabel={t("access.actions")}
        actions={(pool) => (
          <span className="hf-row-buttons">
            <AddMemberButton pool={pool.id} />
            <DescribePool pool={pool} />
            <RemoveItemButton
              label={t("pool.remove", { id: pool.id })}
              title={t("pool.removeTitle", { id: pool.id })}
              touches={keys.pools}
              remove={() => deletePool(pool.id)}
            >
              <p>{t("pool.removeText")}</p>
            </RemoveItemButton>
          </span>
        )}
      />
    </PageSection>
  );
}

function AddPool() {
  return (
    <FormButton
      id="pool"
      label={t("pool.add")}
      submitLabel={t("add")}
      touches={keys.pools}
      fieldOf={(name) => (name === "poolid" ? "id" : name)}
      values={{ id: "", comment: "" }}
      fields={[
        { kind: "text", name: "id", label: t("pool.id"), help: t("pool.idHelp"), required: true },
        { kind: "text", name: "comment", label: t("user.comment") },
      ]}
      order={({ id = "", comment = "" }) => createPool(id.trim(), comment.trim())}
    />
  );
}

function DescribePool({ pool: { id, comment } }: { pool: Pool }) {
  return (
    <FormButton
      id="pool"
      size="small"
      label={t("pool.describe", { id })}
      icon={<EditIcon />}
      variant="plain"
      submitLabel={t("save")}
      touches={keys.pools}
      values={{ comment }}
      fields={[{ kind: "text", name: "comment", label: t("user.comment"), wide: true }]}
      order={(values) => describePool(id, (values["comment"] ?? "").trim())}
    />
  );
}
