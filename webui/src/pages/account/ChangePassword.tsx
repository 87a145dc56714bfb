import { Alert } from "@patternfly/react-core";
import { useState } from "react";
import { changePassword } from "../../api/access";
import { limits } from "../../api/limits";
import type { Field } from "../../components/FieldForm";
import { FormModal } from "../../components/FormModal";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { isHostAccount } from "../../state/ownPassword";
import { useFormOrder } from "../../state/useFormOrder";
import { HelpLink } from "../common/HelpLink";
import { ownPasswordField } from "./ownPasswordField";

const SHORTEST = limits["PUT /access/password"]?.["password"]?.minLength ?? 0;
const CONFIRMATION = "confirmation-password";

export default function ChangePassword({ user, onClose }: { user: string; onClose: () => void }) {
  const { toasts } = useApp();
  const form = useFormOrder();
  const [values, setValues] = useState<Record<string, string>>({});
  const fields: Field[] = [
    ...ownPasswordField(user, CONFIRMATION),
    {
      kind: "password",
      name: "password",
      label: t("password.new"),
      help: t("password.newHelp", { n: SHORTEST }),
      required: true,
      wide: true,
    },
    { kind: "password", name: "again", label: t("password.again"), required: true, wide: true },
  ];
  const submit = async () => {
    const { password = "", again = "" } = values;
    if (password && again && password !== again) return form.refuse({ again: t("password.different") });
    const order = () => changePassword(user, password, values[CONFIRMATION] ?? "");
    if (!(await form.send(fields, values, order))) return;
    toasts.add({ variant: "success", title: t("password.done") });
    onClose();
  };
  return (
    <FormModal
      help={<HelpLink topic="password" />}
      id="password"
      size="small"
      title={t("password.title")}
      fields={fields}
      values={values}
      errors={form.errors}
      problems={form.problems}
      busy={form.busy}
      submitLabel={t("password.submit")}
      code={null}
      onChange={(name, value) => {
        form.changed(name);
        setValues({ ...values, [name]: value });
      }}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      <p className="hf-break">{t("password.user", { user })}</p>
      {isHostAccount(user) && <Alert component="p" variant="info" isInline isPlain title={t("password.host")} />}
    </FormModal>
  );
}
