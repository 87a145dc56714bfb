import { Label, Switch } from "@patternfly/react-core";
import EditIcon from "@patternfly/react-icons/dist/esm/icons/edit-icon";
import { useQuery } from "@tanstack/react-query";
import { changeUser, createUser, deleteUser, enableUser, type User } from "../../api/people";
import { ItemList } from "../../components/ItemList";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { errorText } from "../../state/errorText";
import { dateTime } from "../../state/format";
import { groupsQuery, usersQuery } from "../../state/queries";
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
    { label: t("column.name"), cell: (user: User) => nameOf(user), wideOnly: true },
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
      actions={(user) => (
        <span className="hf-row-buttons">
          <EditUser user={user} />
          {user.id !== ROOT && (
            <RemoveItemButton
              touches={keys.people}
              label={t("access.remove", { what: user.id })}
              title={t("access.removeTitle", { what: user.id })}
              remove={() => deleteUser(user.id)}
            >
              <p>{t("user.removeText", { n: user.tokens.length })}</p>
            </RemoveItemButton>
          )}
        </span>
      )}
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

const nameOf = ({ firstName, lastName }: User) => [firstName, lastName].filter(Boolean).join(" ");

const GROUP = "group.";

/** Who the user is, and in which groups. */
function EditUser({ user }: { user: User }) {
  const { data: known = [] } = useQuery(groupsQuery());
  const groups = [...new Set([...known.map(({ id }) => id), ...user.groups])].sort();
  const { firstName, lastName, email, comment } = user;
  const member = groups.map((id) => [GROUP + id, user.groups.includes(id) ? "1" : ""]);
  return (
    <FormButton
      id="access"
      touches={keys.people}
      variant="plain"
      icon={<EditIcon />}
      label={t("user.edit", { user: user.id })}
      submitLabel={t("save")}
      values={{ firstname: firstName, lastname: lastName, email, comment, ...Object.fromEntries(member) }}
      fields={[
        { kind: "text", name: "firstname", label: t("user.firstName") },
        { kind: "text", name: "lastname", label: t("user.lastName") },
        { kind: "text", name: "email", label: t("user.email") },
        { kind: "text", name: "comment", label: t("user.comment") },
        ...groups.map((id) => ({
          kind: "checkbox" as const,
          name: GROUP + id,
          label: t("user.inGroup", { group: id }),
        })),
      ]}
      order={(values) =>
        changeUser(user.id, {
          firstName: (values["firstname"] ?? "").trim(),
          lastName: (values["lastname"] ?? "").trim(),
          email: (values["email"] ?? "").trim(),
          comment: (values["comment"] ?? "").trim(),
          groups: groups.filter((id) => values[GROUP + id] === "1"),
        })
      }
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
