import { Bullseye, Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core";
import { useState } from "react";
import type { Challenge } from "../../api/access";
import { t } from "../../i18n";
import { useTitle } from "../../state/useTitle";
import { Brand } from "../shell/Brand";
import { PasswordStep } from "./PasswordStep";
import { SecondStep } from "./SecondStep";

/** `expired`: the person was logged in before; the address is kept, so they continue where they were. */
export function LoginPage({ expired }: { expired: boolean }) {
  const [challenge, setChallenge] = useState<Challenge | null>(null);
  const [late, setLate] = useState(false);
  const [user, setUser] = useState("");
  const [realm, setRealm] = useState<string | null>(null);
  const leave = (tooLate: boolean) => {
    setLate(tooLate);
    setChallenge(null);
  };
  const title = t(challenge ? "secondStep.title" : "login.title");
  useTitle(title);
  return (
    <main className="hf-login">
      <Bullseye>
        <Card isLarge className="hf-login-card">
          <CardHeader>
            <Brand />
          </CardHeader>
          <CardTitle component="h1">{title}</CardTitle>
          <CardBody>
            {challenge ? (
              <SecondStep challenge={challenge} onCancel={() => leave(false)} onExpired={() => leave(true)} />
            ) : (
              <PasswordStep
                notice={late ? t("secondStep.expired") : expired ? t("login.expired") : null}
                user={user}
                realm={realm}
                onUser={setUser}
                onRealm={setRealm}
                onChallenge={setChallenge}
              />
            )}
          </CardBody>
        </Card>
      </Bullseye>
    </main>
  );
}
