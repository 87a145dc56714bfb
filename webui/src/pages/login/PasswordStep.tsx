import {
  ActionGroup,
  Alert,
  Button,
  Form,
  FormGroup,
  FormSelect,
  FormSelectOption,
  TextInput,
} from "@patternfly/react-core";
import { type FormEvent, useState } from "react";
import { type Challenge, SecondFactorNeeded } from "../../api/access";
import { PasswordInput } from "../../components/PasswordInput";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { errorText } from "../../state/errorText";
import { useRealms } from "../../state/useRealms";

interface Props {
  /** Why the person is here again. */
  notice: string | null;
  user: string;
  /** null: the server's first choice. */
  realm: string | null;
  onUser: (user: string) => void;
  onRealm: (realm: string) => void;
  onChallenge: (challenge: Challenge) => void;
}

/** User name, password and realm. */
export function PasswordStep({ notice, user, realm, onUser, onRealm, onChallenge }: Props) {
  const { session } = useApp();
  const realms = useRealms();
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const chosen = realm ?? realms.find(({ isDefault }) => isDefault)?.id ?? "pam";

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    if (user.trim() === "" || password === "") return setError(t("login.incomplete"));
    setBusy(true);
    setError(null);
    try {
      await session.logIn(user.trim(), password, chosen);
    } catch (reason) {
      setBusy(false);
      setPassword("");
      if (reason instanceof SecondFactorNeeded) onChallenge(reason.challenge);
      else setError(t("login.failed", { reason: errorText(reason) }));
    }
  };

  return (
    <Form onSubmit={(event) => void submit(event)} aria-label={t("login.title")}>
      {error && <Alert component="p" variant="danger" isInline title={error} aria-live="assertive" />}
      {!error && notice && <Alert component="p" variant="info" isInline title={notice} />}
      <FormGroup label={t("login.user")} isRequired fieldId="login-user">
        <TextInput
          id="login-user"
          name="username"
          value={user}
          onChange={(_event, value) => onUser(value)}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
        />
      </FormGroup>
      <FormGroup label={t("login.password")} isRequired fieldId="login-password">
        <PasswordInput id="login-password" value={password} onChange={setPassword} autoComplete="current-password" />
      </FormGroup>
      <FormGroup label={t("login.realm")} fieldId="login-realm">
        <FormSelect id="login-realm" value={chosen} onChange={(_event, value) => onRealm(value)}>
          {realms.map(({ id, comment }) => (
            <FormSelectOption
              key={id}
              value={id}
              label={comment ? t("login.realmLabel", { realm: id, comment }) : id}
            />
          ))}
        </FormSelect>
      </FormGroup>
      <ActionGroup>
        <Button type="submit" variant="primary" isBlock isLoading={busy} isDisabled={busy}>
          {t("login.submit")}
        </Button>
      </ActionGroup>
    </Form>
  );
}
