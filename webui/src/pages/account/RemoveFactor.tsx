import { useState } from "react";
import { type Factor, removeFactor } from "../../api/factors";
import { FormModal } from "../../components/FormModal";
import { t } from "../../i18n";
import { useFormOrder } from "../../state/useFormOrder";
import { HelpLink } from "../common/HelpLink";
import { factorName } from "./factorName";
import { ownPasswordField } from "./ownPasswordField";

interface Props {
  user: string;
  factor: Factor;
  isLast: boolean;
  onDone: () => void;
  onClose: () => void;
}

export function RemoveFactor({ user, factor, isLast, onDone, onClose }: Props) {
  const form = useFormOrder();
  const [values, setValues] = useState<Record<string, string>>({});
  const fields = ownPasswordField(user, "password");
  const submit = async () => {
    if (await form.send(fields, values, () => removeFactor(user, factor.id, values["password"] ?? ""))) onDone();
  };
  return (
    <FormModal
      help={<HelpLink topic="factors" />}
      id="remove-factor"
      size="small"
      title={t("removeFactor.title", { name: factorName(factor) })}
      fields={fields}
      values={values}
      errors={form.errors}
      problems={form.problems}
      busy={form.busy}
      submitLabel={t("removeFactor.submit")}
      code={null}
      isDanger
      onChange={(name, text) => {
        form.changed(name);
        setValues({ ...values, [name]: text });
      }}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      <p>{t(isLast ? "removeFactor.last" : "removeFactor.text")}</p>
    </FormModal>
  );
}
