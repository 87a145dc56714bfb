import { Label } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { type Realm, takesLogIn } from "../../api/access";
import { removeRealm } from "../../api/realms";
import { t, tOptional } from "../../i18n";
import { realmsQuery } from "../../state/clusterQueries";
import { keys } from "../../state/queryKeys";
import { REALM_TYPES } from "../../state/realmTypes";
import { QueryList } from "../common/QueryList";
import { RemoveItemButton } from "../common/RemoveItemButton";
import { AddRealmButton, EditRealmButton } from "./RealmForm";

/** Where users come from, and who of them can log in. */
export function RealmsTab() {
  const columns = [
    { label: t("realm.id"), cell: ({ id }: Realm) => id },
    { label: t("realm.type"), cell: ({ type }: Realm) => tOptional(`realmType.${type}`) ?? type },
    { label: t("user.comment"), cell: ({ comment }: Realm) => comment, wideOnly: true },
    { label: t("column.status"), cell: (realm: Realm) => <State realm={realm} /> },
  ];
  return (
    <QueryList
      title={t("access.realms")}
      action={<AddRealmButton />}
      query={useQuery(realmsQuery())}
      emptyText={t("realm.none")}
      columns={columns}
      keyOf={({ id }) => id}
      actionsLabel={t("access.actions")}
      actions={(realm) => (
        <span className="hf-row-buttons">
          {realm.type in REALM_TYPES && <EditRealmButton realm={realm} />}
          {!REALM_TYPES[realm.type]?.builtIn && (
            <RemoveItemButton
              touches={keys.people}
              label={t("access.remove", { what: realm.id })}
              title={t("access.removeTitle", { what: realm.id })}
              remove={() => removeRealm(realm.id)}
            >
              <p>{t("realm.removeText", { realm: realm.id })}</p>
            </RemoveItemButton>
          )}
        </span>
      )}
    />
  );
}

function State({ realm: { type, isDefault } }: { realm: Realm }) {
  return (
    <span className="hf-row-buttons">
      <Label isCompact variant="outline" status={takesLogIn(type) ? "success" : "warning"}>
        {t(takesLogIn(type) ? "realm.lets" : "realm.kept")}
      </Label>
      {isDefault && (
        <Label isCompact variant="outline">
          {t("realm.isDefault")}
        </Label>
      )}
    </span>
  );
}
