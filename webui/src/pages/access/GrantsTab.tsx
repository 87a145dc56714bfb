import { useQuery } from "@tanstack/react-query";
import { type Grant, type Holder, setGrant } from "../../api/people";
import { ItemList } from "../../components/ItemList";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { grantsQuery, groupsQuery, rolesQuery, usersQuery } from "../../state/queries";
import { keys } from "../../state/queryKeys";
import { FormButton } from "../common/FormButton";
import { RemoveItemButton } from "../common/RemoveItemButton";

export function GrantsTab() {
  const { data, error, refetch } = useQuery(grantsQuery());
  const columns = [
    { label: t("grant.path"), cell: (grant: Grant) => <span className="hf-mono">{grant.path}</span> },
    { label: t("grant.holder"), cell: (grant: Grant) => t(`grant.${grant.kind}`, { name: grant.holder }) },
    { label: t("grant.role"), cell: (grant: Grant) => grant.role },
    { label: t("grant.propagate"), cell: (grant: Grant) => t(grant.propagate ? "yes" : "no") },
  ];
  return (
    <ItemList
      title={t("access.permissions")}
      action={<AddGrant />}
      items={data}
      error={error ? errorText(error) : null}
      onRetry={() => void refetch()}
      emptyText={t("grant.none")}
      columns={columns}
      keyOf={({ path, kind, holder, role }) => [path, kind, holder, role].join(" ")}
      actionsLabel={t("access.actions")}
      actions={(grant) => {
        const what = { role: grant.role, holder: grant.holder, path: grant.path };
        return (
          <RemoveItemButton
            touches={keys.people}
            label={t("grant.remove", what)}
            title={t("grant.removeTitle")}
            remove={() => setGrant(grant, false)}
          >
            <p className="hf-break">{t("grant.removeText", what)}</p>
          </RemoveItemButton>
        );
      }}
    />
  );
}

function AddGrant() {
  const { data: users = [] } = useQuery(usersQuery());
  const { data: groups = [] } = useQuery(groupsQuery());
  const { data: roles = [] } = useQuery(rolesQuery());
  const holders = [
    ...users.map(({ id }) => ({ value: `user ${id}`, label: t("grant.user", { name: id }) })),
    ...groups.map(({ id }) => ({ value: `group ${id}`, label: t("grant.group", { name: id }) })),
    ...users
      .flatMap(({ tokens }) => tokens)
      .map(({ id }) => ({ value: `token ${id}`, label: t("grant.token", { name: id }) })),
  ];
  return (
    <FormButton
      id="access"
      touches={keys.people}
      label={t("grant.add")}
      submitLabel={t("add")}
      values={{ path: "/", holder: holders[0]?.value ?? "", role: roles[0]?.id ?? "", propagate: "1" }}
      fieldOf={(name) => (name === "roles" ? "role" : /^(users|groups|tokens)$/.test(name) ? "holder" : name)}
      fields={[
        {
          kind: "text",
          name: "path",
          label: t("grant.path"),
          help: t("grant.pathHelp"),
          required: true,
          wide: true,
        },
        { kind: "select", name: "holder", label: t("grant.holder"), options: holders, required: true },
        {
          kind: "select",
          name: "role",
          label: t("grant.role"),
          options: roles.map(({ id }) => ({ value: id, label: id })),
          required: true,
        },
        { kind: "checkbox", name: "propagate", label: t("grant.propagateLabel"), wide: true },
      ]}
      order={({ path = "", holder = "", role = "", propagate }) => {
        const [kind = "user", name = ""] = holder.split(" ");
        return setGrant(
          { path: path.trim(), kind: kind as Holder, holder: name, role, propagate: propagate === "1" },
          true,
        );
      }}
    />
  );
}
