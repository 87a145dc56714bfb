import { ActionGroup, Alert, Button, Divider, Form } from "@patternfly/react-core";
import { type FormEvent, useState } from "react";
import type { Challenge, FactorKind } from "../../api/access";
import { ApiError } from "../../api/client";
import { askKey, keysPossible } from "../../api/webauthn";
import { t, tn } from "../../i18n";
import { useApp } from "../../state/app";
import { errorText } from "../../state/errorText";
import { keyErrorText } from "../../state/keyError";
import { tidyCode, waysOf } from "../../state/secondFactor";
import { CodeField } from "./CodeField";

/** As long as the server takes answers to one challenge; later ones would all be called wrong. */
const CHALLENGE_MS = 5 * 60 * 1000;
/** So many wrong codes in a row switch the codes off; said before it is too late. */
const WARN_FROM = 4;

interface Props {
  challenge: Challenge;
  onCancel: () => void;
  /** The first step is too long ago. */
  onExpired: () => void;
}

/** The second step of a log-in: one of the user's factors, the others one button away. */
export function SecondStep({ challenge, onCancel, onExpired }: Props) {
  const { session } = useApp();
  const ways = waysOf(challenge, keysPossible());
  const [way, setWay] = useState<FactorKind | undefined>(ways[0]);
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const [wrong, setWrong] = useState(0);
  const [sinceMs] = useState(() => Date.now());

  const answer = async (kind: FactorKind, value: () => Promise<string> | string) => {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await session.completeLogIn(challenge, kind, await value());
    } catch (reason) {
      setBusy(false);
      setCode("");
      if (!(reason instanceof ApiError)) return setError(keyErrorText(reason));
      if (reason.status !== 401) return setError(errorText(reason));
      if (Date.now() - sinceMs > CHALLENGE_MS) return onExpired();
      setWrong(wrong + 1);
      setError(t(`secondStep.${kind}.wrong`));
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (way === "webauthn" && challenge.webauthn) {
      const request = challenge.webauthn;
      void answer(way, () => askKey(request));
    } else if (way === "totp" || way === "recovery") {
      if (tidyCode(code) === "") return setError(t("secondStep.empty"));
      void answer(way, () => tidyCode(code));
    }
  };
  const change = (kind: FactorKind) => {
    setWay(kind);
    setCode("");
    setError(null);
  };

  return (
    <Form onSubmit={submit} aria-label={t("secondStep.title")}>
      <p>{t("secondStep.user", { user: challenge.user })}</p>
      {error && <Alert component="p" variant="danger" isInline title={error} aria-live="assertive" />}
      {way === "totp" && wrong >= WARN_FROM && (
        <Alert component="p" variant="warning" isInline title={t("secondStep.totp.limit")} />
      )}
      {!way && <Alert component="p" variant="warning" isInline title={t("secondStep.none")} />}
      {(way === "totp" || way === "recovery") && (
        <CodeField
          key={`${way}-${wrong}`} // a new field takes the focus: the next try needs no mouse
          label={t(`secondStep.${way}.label`)}
          help={way === "totp" ? t("secondStep.totp.help") : tn("secondStep.recovery.help", challenge.recoveryKeys)}
          numeric={way === "totp"}
          value={code}
          isWrong={error !== null}
          onChange={setCode}
        />
      )}
      {way === "webauthn" && <p>{t(busy ? "secondStep.webauthn.waiting" : "secondStep.webauthn.help")}</p>}
      <ActionGroup className="hf-login-actions">
        {way && (
          <Button
            type="submit"
            variant="primary"
            isBlock
            isLoading={busy}
            isDisabled={busy}
            autoFocus={way === "webauthn"}
          >
            {t(`secondStep.${way}.submit`)}
          </Button>
        )}
        <Button variant="secondary" isBlock onClick={onCancel}>
          {t("secondStep.cancel")}
        </Button>
      </ActionGroup>
      {ways.length > 1 && <Divider />}
      {ways
        .filter((kind) => kind !== way)
        .map((kind) => (
          <Button key={kind} variant="link" isInline isDisabled={busy} onClick={() => change(kind)}>
            {t(`secondStep.${kind}.use`)}
          </Button>
        ))}
    </Form>
  );
}
