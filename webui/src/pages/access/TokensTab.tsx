import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { createToken, deleteToken, type Token } from "../../api/people";
import { ItemList } from "../../components/ItemList";
import { SecretModal } from "../../components/SecretModal";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { dateTime } from "../../state/format";
import { usersQuery } from "../../state/queries";
import { keys } from "../../state/queryKeys";
import { FormButton } from "../common/FormButton";
import { HelpLink } from "../common/HelpLink";
import { RemoveItemButton } from "../common/RemoveItemButton";

interface Secret {
  id: string;
  value: string;
}

export function TokensTab() {
  const { data: users, error, refetch } = useQuery(usersQuery());
  const [secret, setSecret] = useState<Secret | null>(null);
  const columns = [
    { label: t("token.id"), cell: (token: Token) => token.id },
    { label: t("token.rights"), cell: (token: Token) => t(token.separate ? "token.own" : "token.all") },
    {
      label: t("user.expires"),
      cell: (token: Token) => (token.expiresS === null ? t("user.never") : dateTime(token.expiresS)),
      wideOnly: true,
    },
    { label: t("user.comment"), cell: (token: Token) => token.comment, wideOnly: true },
  ];
  return (
    <>
      <ItemList
        title={t("access.tokens")}
        action={<AddToken users={(users ?? []).map(({ id }) => id)} onMade={setSecret} />}
        items={users?.flatMap(({ tokens }) => tokens)}
        error={error ? errorText(error) : null}
        onRetry={() => void refetch()}
        emptyText={t("token.none")}
        columns={columns}
        keyOf={(token) => token.id}
        actionsLabel={t("access.actions")}
        actions={(token) => (
          <RemoveItemButton
            touches={keys.people}
            label={t("access.remove", { what: token.id })}
            title={t("access.removeTitle", { what: token.id })}
            remove={() => deleteToken(token)}
          >
            <p>{t("token.removeText")}</p>
          </RemoveItemButton>
        )}
      />
      {secret && (
        <SecretModal
          help={<HelpLink />}
          title={t("token.secretTitle")}
          about={secret.id}
          warning={t("secret.once")}
          secrets={[
            { label: t("token.secretTitle"), value: secret.value },
            { label: t("token.header"), value: `Authorization: PVEAPIToken=${secret.id}=${secret.value}` },
          ]}
          onClose={() => setSecret(null)}
        />
      )}
    </>
  );
}

function AddToken({ users, onMade }: { users: readonly string[]; onMade: (secret: Secret) => void }) {
  return (
    <FormButton
      id="access"
      touches={keys.people}
      label={t("token.add")}
      submitLabel={t("add")}
      values={{ user: users[0] ?? "", name: "", comment: "", separate: "1" }}
      fieldOf={(name) => (name === "tokenid" ? "name" : name === "userid" ? "user" : name)}
      fields={[
        {
          kind: "select",
          name: "user",
          label: t("token.user"),
          options: users.map((id) => ({ value: id, label: id })),
          required: true,
        },
        { kind: "text", name: "name", label: t("column.name"), required: true },
        { kind: "text", name: "comment", label: t("user.comment"), wide: true },
        { kind: "checkbox", name: "separate", label: t("token.separate"), help: t("token.separateHelp"), wide: true },
      ]}
      order={async ({ user = "", name = "", comment = "", separate }) => {
        const value = await createToken({ user, name: name.trim(), comment, separate: separate === "1" });
        onMade({ id: `${user}!${name.trim()}`, value });
      }}
    />
  );
}
