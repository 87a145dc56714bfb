import { Label, LabelGroup } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { createRole, deleteRole, type Role } from "../../api/people";
import { ItemList } from "../../components/ItemList";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { rolesQuery } from "../../state/queries";
import { keys } from "../../state/queryKeys";
import { FormButton } from "../common/FormButton";
import { RemoveItemButton } from "../common/RemoveItemButton";

export function RolesTab() {
  const { data, error, refetch } = useQuery(rolesQuery());
  const columns = [
    { label: t("role.id"), cell: (role: Role) => role.id },
    { label: t("role.privileges"), cell: (role: Role) => <Privileges role={role} /> },
  ];
  return (
    <ItemList
      title={t("access.roles")}
      action={<AddRole known={data ?? []} />}
      items={data}
      error={error ? errorText(error) : null}
      onRetry={() => void refetch()}
      emptyText={t("role.none")}
      columns={columns}
      keyOf={(role) => role.id}
      actionsLabel={t("access.actions")}
      actions={(role) =>
        role.builtIn ? (
          <Label isCompact>{t("role.builtIn")}</Label>
        ) : (
          <RemoveItemButton
            touches={keys.people}
            label={t("access.remove", { what: role.id })}
            title={t("access.removeTitle", { what: role.id })}
            remove={() => deleteRole(role.id)}
          >
            <p>{t("role.removeText")}</p>
          </RemoveItemButton>
        )
      }
    />
  );
}

function Privileges({ role }: { role: Role }) {
  return (
    <LabelGroup numLabels={6} aria-label={t("role.privilegesOf", { role: role.id })}>
      {role.privileges.map((name) => (
        <Label key={name} isCompact variant="outline">
          {name}
        </Label>
      ))}
    </LabelGroup>
  );
}

/** A role begins with the privileges of one that exists, or with none; which ones there are the built-in roles tell. */
function AddRole({ known }: { known: readonly Role[] }) {
  const privileges = [...new Set(known.flatMap((role) => role.privileges))].sort();
  return (
    <FormButton
      id="access"
      touches={keys.people}
      label={t("role.add")}
      submitLabel={t("add")}
      values={{ id: "" }}
      fieldOf={(name) => (name === "roleid" ? "id" : name)}
      fields={[
        { kind: "text", name: "id", label: t("role.id"), required: true, wide: true },
        ...privileges.map((name) => ({ kind: "checkbox" as const, name, label: name })),
      ]}
      order={({ id = "", ...chosen }) =>
        createRole(
          id.trim(),
          privileges.filter((name) => chosen[name] === "1"),
        )
      }
    />
  );
}
