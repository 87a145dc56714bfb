import { Label, Title } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { Membership, WitnessVote } from "../../api/membership";
import { Facts } from "../../components/Facts";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { witnessQuery } from "../../state/clusterQueries";
import { wantsWitness } from "../../state/quorum";

/** The third vote of two nodes: a host that is no node. It is set up on the shell, as that needs a log-in there. */
export function WitnessState({ membership }: { membership: Membership }) {
  const { data: witness, error } = useQuery(witnessQuery());
  const votes = membership.cluster?.votes ?? null;
  const vote = votes?.witness ?? null;
  const without = votes === null ? "witness.unknown" : wantsWitness(membership) ? "witness.wanted" : "witness.none";
  return (
    <>
      <Title headingLevel="h2" size="lg" className="hf-section-title">
        {t("witness")}
      </Title>
      {error && <p>{errorText(error)}</p>}
      {vote || witness ? (
        <Facts
          facts={[
            { label: t("witness.host"), value: witness?.host },
            { label: t("witness.connection"), value: witness?.state },
            { label: t("witness.vote"), value: vote && <Vote vote={vote} /> },
          ]}
        />
      ) : (
        <p className="hf-subtle">{t(without)}</p>
      )}
    </>
  );
}

function Vote({ vote: { casts, registered } }: { vote: WitnessVote }) {
  const key = casts ? "witness.casts" : registered ? "witness.silent" : "witness.notHere";
  return (
    <Label isCompact variant="outline" status={casts ? "success" : "danger"}>
      {t(key)}
    </Label>
  );
}
