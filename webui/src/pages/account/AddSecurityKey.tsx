import { useState } from "react";
import { addKey, beginKey } from "../../api/factors";
import { makeKey } from "../../api/webauthn";
import type { Field } from "../../components/FieldForm";
import { FormModal } from "../../components/FormModal";
import { t } from "../../i18n";
import { keyErrorText } from "../../state/keyError";
import { useFormOrder } from "../../state/useFormOrder";
import { HelpLink } from "../common/HelpLink";
import { ownPasswordField } from "./ownPasswordField";

interface Props {
  user: string;
  onDone: (told: string) => void;
  onClose: () => void;
}

/** A security key or passkey: the server asks, the key answers, the server stores its public half. */
export function AddSecurityKey({ user, onDone, onClose }: Props) {
  const form = useFormOrder({ explain: keyErrorText });
  const [values, setValues] = useState<Record<string, string>>({ description: t("webauthn.defaultName") });
  const fields: Field[] = [
    { kind: "text", name: "description", label: t("factors.description"), required: true, wide: true },
    ...ownPasswordField(user, "password"),
  ];
  const register = async () => {
    const { description = "", password = "" } = values;
    const creation = await beginKey(user, password);
    const answer = await makeKey(creation);
    await addKey(user, { description, challenge: creation.challenge, answer, password });
  };
  const submit = async () => {
    if (await form.send(fields, values, register)) onDone(t("webauthn.done"));
  };
  return (
    <FormModal
      help={<HelpLink topic="factors" />}
      id="webauthn"
      size="small"
      title={t("webauthn.title")}
      fields={fields}
      values={values}
      errors={form.errors}
      problems={form.problems}
      busy={form.busy}
      submitLabel={t("webauthn.submit")}
      code={null}
      onChange={(name, text) => {
        form.changed(name);
        setValues({ ...values, [name]: text });
      }}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      <p aria-live="polite">{t(form.busy ? "webauthn.waiting" : "webauthn.text")}</p>
    </FormModal>
  );
}
