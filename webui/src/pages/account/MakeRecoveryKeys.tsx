import { useState } from "react";
import { addRecoveryKeys } from "../../api/factors";
import { FormModal } from "../../components/FormModal";
import { t } from "../../i18n";
import { useFormOrder } from "../../state/useFormOrder";
import { HelpLink } from "../common/HelpLink";
import { ownPasswordField } from "./ownPasswordField";

interface Props {
  user: string;
  onDone: (keys: readonly string[]) => void;
  onClose: () => void;
}

export function MakeRecoveryKeys({ user, onDone, onClose }: Props) {
  const form = useFormOrder();
  const [values, setValues] = useState<Record<string, string>>({});
  const fields = ownPasswordField(user, "password");
  const submit = () =>
    form.send(fields, values, async () => onDone(await addRecoveryKeys(user, values["password"] ?? "")));
  return (
    <FormModal
      help={<HelpLink topic="factors" />}
      id="recovery"
      size="small"
      title={t("recovery.title")}
      fields={fields}
      values={values}
      errors={form.errors}
      problems={form.problems}
      busy={form.busy}
      submitLabel={t("recovery.submit")}
      code={null}
      onChange={(name, text) => {
        form.changed(name);
        setValues({ ...values, [name]: text });
      }}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      <p>{t("recovery.text")}</p>
    </FormModal>
  );
}
