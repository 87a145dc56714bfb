import { Label, Switch } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { createUser, deleteUser, enableUser, type User } from "../../api/people";
import { ItemList } from "../../components/ItemList";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { errorText } from "../../state/errorText";
import { dateTime } from "../../state/format";
import { usersQuery } from "../../state/queries";
import { keys } from "../../state/queryKeys";
import { useStore } from "../../state/store";
import { FormButton } from "../common/FormButton";
import { RemoveItemButton } from "../common/RemoveItemButton";
import { useChange } from "../common/useChange";

const ROOT = "root@pam";

export function UsersTab() {
  const { data, error, refetch } = useQuery(usersQuery());
  const columns = [
    { label: t("user.id"), cell: (user: User) => user.id },
    { label: t("user.enabled"), cell: (user: User) => <EnabledSwitch user={user} /> },
    { label: t("column.name"), cell: (user: User) => user.name, wideOnly: true },
    { label: t("user.groups"), cell: (user: User) => user.groups.join(", "), wideOnly: true },
    {
      label: t("user.expires"),
      cell: (user: User) => (user.expiresS === null ? t("user.never") : dateTime(user.expiresS)),
      wideOnly: true,
    },
    { label: t("user.comment"), cell: (user: User) => user.comment },
  ];
  return (
    <ItemList
      title={t("access.users")}
      action={<AddUser />}
      items={data}
      error={error ? errorText(error) : null}
      onRetry={() => void refetch()}
      emptyText={t("user.none")}
      columns={columns}
      keyOf={(user) => user.id}
      actionsLabel={t("access.actions")}
      actions={(user) =>
        user.id === ROOT ? null : (
          <RemoveItemButton
            touches={keys.people}
            label={t("access.remove", { what: user.id })}
            title={t("access.removeTitle", { what: user.id })}
            remove={() => deleteUser(user.id)}
          >
            <p>{t("user.removeText", { n: user.tokens.length })}</p>
          </RemoveItemButton>
        )
      }
    />
  );
}

function EnabledSwitch({ user }: { user: User }) {
  const { session, toasts } = useApp();
  const state = useStore(session);
  const change = useChange(keys.people);
  const isOwn = state.status === "active" && state.user === user.id;
  if (isOwn || user.id === ROOT) return <Label isCompact>{t(user.enabled ? "yes" : "no")}</Label>;
  const flip = async () => {
    try {
      await change(() => enableUser(user.id, !user.enabled));
    } catch (reason) {
      toasts.add({ variant: "danger", title: t("failed"), text: errorText(reason) });
    }
  };
  return (
    <Switch
      id={`enabled-${user.id}`}
      aria-label={t("user.enable", { user: user.id })}
      isChecked={user.enabled}
      onChange={() => void flip()}
    />
  );
}

function AddUser() {
  return (
    <FormButton
      id="access"
      touches={keys.people}
      label={t("user.add")}
      submitLabel={t("add")}
      values={{ id: "", password: "", comment: "", email: "" }}
      fieldOf={(name) => (name === "userid" ? "id" : name)}
      fields={[
        {
          kind: "text",
          name: "id",
          label: t("user.id"),
          placeholder: t("user.idPlaceholder"),
          help: t("user.idHelp"),
          required: true,
        },
        { kind: "password", name: "password", label: t("user.password"), help: t("user.passwordHelp") },
        { kind: "text", name: "email", label: t("user.email") },
        { kind: "text", name: "comment", label: t("user.comment") },
      ]}
      order={({ id = "", password = "", comment = "", email = "" }) =>
        createUser({ id: id.trim(), password, comment, email })
      }
    />
  );
}
