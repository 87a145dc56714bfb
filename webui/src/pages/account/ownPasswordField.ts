import type { Field } from "../../components/FieldForm";
import { t } from "../../i18n";
import { asksOwnPassword } from "../../state/ownPassword";

/** The field by which somebody confirms a change of the own account, where the server asks for it. */
export function ownPasswordField(user: string, name: string): Field[] {
  if (!asksOwnPassword(user)) return [];
  return [{ kind: "password", current: true, name, label: t("account.ownPassword"), required: true, wide: true }];
}
