import {
  ActionGroup,
  Alert,
  Bullseye,
  Button,
  Card,
  CardBody,
  CardHeader,
  CardTitle,
  Form,
  FormGroup,
  FormSelect,
  FormSelectOption,
  TextInput,
} from "@patternfly/react-core";
import { type FormEvent, useState } from "react";
import { SecondFactorNeeded } from "../../api/access";
import { PasswordInput } from "../../components/PasswordInput";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { errorText } from "../../state/errorText";
import { useTitle } from "../../state/useTitle";
import { Brand } from "../shell/Brand";

const REALMS = ["pam"] as const;

/** `expired`: the person was logged in before; the address is kept, so they continue where they were. */
export function LoginPage({ expired }: { expired: boolean }) {
  useTitle(t("login.title"));
  return (
    <main className="hf-login">
      <Bullseye>
        <Card isLarge className="hf-login-card">
          <CardHeader>
            <Brand />
          </CardHeader>
          <CardTitle component="h1">{t("login.title")}</CardTitle>
          <CardBody>
            <LoginForm expired={expired} />
          </CardBody>
        </Card>
      </Bullseye>
    </main>
  );
}

function LoginForm({ expired }: { expired: boolean }) {
  const { session } = useApp();
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const [realm, setRealm] = useState<string>(REALMS[0]);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    if (user.trim() === "" || password === "") return setError(t("login.incomplete"));
    setBusy(true);
    setError(null);
    try {
      await session.logIn(user.trim(), password, realm);
    } catch (reason) {
      setBusy(false);
      setPassword("");
      setError(
        reason instanceof SecondFactorNeeded
          ? t("login.secondFactor")
          : t("login.failed", { reason: errorText(reason) }),
      );
    }
  };

  return (
    <Form onSubmit={(event) => void submit(event)} aria-label={t("login.title")}>
      {error && <Alert variant="danger" isInline title={error} aria-live="assertive" />}
      {!error && expired && <Alert variant="info" isInline title={t("login.expired")} />}
      <FormGroup label={t("login.user")} isRequired fieldId="login-user">
        <TextInput
          id="login-user"
          name="username"
          value={user}
          onChange={(_event, value) => setUser(value)}
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
        <FormSelect id="login-realm" value={realm} onChange={(_event, value) => setRealm(value)}>
          {REALMS.map((name) => (
            <FormSelectOption key={name} value={name} label={t(`realm.${name}`)} />
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
