import { useQuery } from "@tanstack/react-query";
import type { Interface } from "../../api/system";
import { Facts } from "../../components/Facts";
import { t } from "../../i18n";
import { networkQuery } from "../../state/nodeQueries";
import { bridgesOf } from "../../state/welcome";
import { Answer } from "../common/Answer";
import { urls } from "../urls";
import { Next, Step } from "./Step";

export function NetworkStep({ node }: { node: string }) {
  return (
    <Step title={t("welcome.network")} text={t("welcome.networkText")}>
      <Answer query={useQuery(networkQuery(node))}>
        {({ interfaces }) => <Found node={node} bridges={bridgesOf(interfaces)} />}
      </Answer>
    </Step>
  );
}

function Found({ node, bridges }: { node: string; bridges: readonly Interface[] }) {
  const [first] = bridges;
  return (
    <>
      {first ? (
        <Facts facts={bridges.map((bridge) => ({ label: bridge.name, value: inWords(bridge) }))} />
      ) : (
        <p>{t("welcome.bridgeNone")}</p>
      )}
      <Next
        text={first ? t("welcome.useBridge", { bridge: first.name }) : t("welcome.makeBridge")}
        links={[{ label: t("welcome.toNetwork", { node }), to: urls.node(node, "network") }]}
      />
    </>
  );
}

function inWords({ addresses, parts }: Interface): string {
  const known = addresses.join(", ") || t("welcome.bridgeNoAddress");
  return parts.length > 0
    ? t("welcome.bridgeOver", { addresses: known, ports: parts.join(", ") })
    : t("welcome.bridgeAlone", { addresses: known });
}
