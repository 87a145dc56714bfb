import { Alert } from "@patternfly/react-core";
import PluggedIcon from "@patternfly/react-icons/dist/esm/icons/plugged-icon";
import { joinCluster } from "../../api/membership";
import { Facts } from "../../components/Facts";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { readJoinToken } from "../../state/joinToken";
import { keys } from "../../state/queryKeys";
import { FormButton } from "../common/FormButton";
import { addressField } from "./addressField";

/** Joins this host to the cluster that a token is of; what the token says is shown before the button works. */
export function JoinClusterButton({ host }: { host: string }) {
  const { watchTask } = useApp();
  return (
    <FormButton
      id="join"
      label={t("cluster.join")}
      icon={<PluggedIcon />}
      variant="secondary"
      submitLabel={t("cluster.join")}
      touches={keys.cluster}
      fieldOf={(name) => (name === "link0" ? "address" : name)}
      blocked={({ token = "" }) => readJoinToken(token) === null}
      values={{ token: "", address: "" }}
      fields={[
        { kind: "text", name: "token", label: t("cluster.token"), help: t("cluster.tokenHelp"), required: true },
        addressField(),
      ]}
      order={async ({ token = "", address = "" }) => watchTask(await joinCluster(token.trim(), address.trim()))}
    >
      {({ token = "" }) => <TokenContent host={host} word={token} />}
    </FormButton>
  );
}

function TokenContent({ host, word }: { host: string; word: string }) {
  const token = readJoinToken(word);
  if (!token) {
    return word.trim() === "" ? null : (
      <Alert component="p" variant="danger" isInline isLiveRegion title={t("cluster.noToken")} />
    );
  }
  return (
    <>
      <Facts
        facts={[
          { label: t("cluster.asks"), value: token.addresses.join(", ") },
          { label: t("cluster.fingerprint"), value: <span className="hf-mono">{token.fingerprint}</span> },
        ]}
      />
      <Alert component="p" variant="warning" isInline isLiveRegion title={t("cluster.joinWarning", { host })}>
        {t("cluster.joinText")}
      </Alert>
    </>
  );
}
