import { List, ListItem } from "@patternfly/react-core";
import { useState } from "react";
import { createJoinToken, type NewJoinToken } from "../../api/membership";
import { SecretModal } from "../../components/SecretModal";
import { t } from "../../i18n";
import { dateTime } from "../../state/format";
import { keys } from "../../state/queryKeys";
import { FormButton } from "../common/FormButton";
import { HelpLink } from "../common/HelpLink";

const HOUR_S = 3600;
const LIFETIMES = [
  { value: String(HOUR_S), label: t("cluster.hour") },
  { value: String(24 * HOUR_S), label: t("cluster.day") },
  { value: String(7 * 24 * HOUR_S), label: t("cluster.week") },
];

/** Makes a token with which one host may join, and says what to do with it there. */
export function AddNodeButton() {
  const [made, setMade] = useState<NewJoinToken | null>(null);
  return (
    <>
      <FormButton
        id="add-node"
        size="small"
        label={t("cluster.addNode")}
        submitLabel={t("cluster.makeToken")}
        touches={keys.joinTokens}
        fieldOf={(name) => (name === "expires" ? "lifetime" : name)}
        values={{ lifetime: String(HOUR_S) }}
        fields={[{ kind: "select", name: "lifetime", label: t("cluster.lifetime"), options: LIFETIMES, wide: true }]}
        order={async ({ lifetime }) => setMade(await createJoinToken(Number(lifetime)))}
      >
        <p>{t("cluster.addNodeText")}</p>
      </FormButton>
      {made && (
        <SecretModal
          help={<HelpLink />}
          title={t("cluster.tokenTitle")}
          about={t("cluster.tokenUntil", { time: dateTime(made.expiresS) })}
          warning={t("secret.once")}
          secrets={[{ label: t("cluster.tokenTitle"), value: made.word }]}
          onClose={() => setMade(null)}
        >
          <p>{t("cluster.tokenUse")}</p>
          <List>
            <ListItem>{t("cluster.useByPage")}</ListItem>
            <ListItem>{t("cluster.useByShell")}</ListItem>
            <ListItem>{t("cluster.useByAnswer")}</ListItem>
          </List>
        </SecretModal>
      )}
    </>
  );
}
