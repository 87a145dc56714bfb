import { useState } from "react";
import { addTotp } from "../../api/factors";
import type { Field } from "../../components/FieldForm";
import { FormModal } from "../../components/FormModal";
import { QrCode } from "../../components/QrCode";
import { t } from "../../i18n";
import { tidyCode } from "../../state/secondFactor";
import { grouped, newSecret, otpauthUri } from "../../state/totp";
import { useFormOrder } from "../../state/useFormOrder";
import { HelpLink } from "../common/HelpLink";
import { usePlaceName } from "../common/usePlaceName";
import { ownPasswordField } from "./ownPasswordField";

interface Props {
  user: string;
  onDone: (told: string) => void;
  onClose: () => void;
}

/** An authenticator app: secret out as QR code and text, its present code back in as proof that it arrived. */
export function AddTotp({ user, onDone, onClose }: Props) {
  const place = usePlaceName();
  const form = useFormOrder();
  const [secret] = useState(newSecret);
  const [values, setValues] = useState<Record<string, string>>({ description: t("totp.defaultName") });
  const uri = otpauthUri(`${t("product")} ${place}`, user, secret);
  const fields: Field[] = [
    { kind: "text", name: "value", label: t("totp.code"), oneTimeCode: true, required: true },
    { kind: "text", name: "description", label: t("factors.description"), required: true },
    ...ownPasswordField(user, "password"),
  ];
  const submit = async () => {
    const { description = "", value = "", password = "" } = values;
    const order = () => addTotp(user, { description, uri, code: tidyCode(value), password });
    if (await form.send(fields, values, order)) onDone(t("totp.done"));
  };
  return (
    <FormModal
      help={<HelpLink topic="factors" />}
      id="totp"
      title={t("totp.title")}
      fields={fields}
      values={values}
      errors={form.errors}
      problems={form.problems}
      busy={form.busy}
      submitLabel={t("totp.submit")}
      code={null}
      onChange={(name, text) => {
        form.changed(name);
        setValues({ ...values, [name]: text });
      }}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      <div className="hf-totp">
        <QrCode text={uri} label={t("totp.qr")} />
        <div className="hf-stack">
          <p>{t("totp.scan")}</p>
          <dl>
            <dt>{t("totp.secret")}</dt>
            <dd className="hf-mono hf-secret">{grouped(secret)}</dd>
          </dl>
          <p className="hf-subtle">{t("totp.details")}</p>
        </div>
      </div>
    </FormModal>
  );
}
