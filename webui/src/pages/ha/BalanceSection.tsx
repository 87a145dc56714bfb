import { Button, Title } from "@patternfly/react-core";
import EditIcon from "@patternfly/react-icons/dist/esm/icons/edit-icon";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Balance, type BalanceMove, type Proposal, setBalance } from "../../api/balance";
import { Facts } from "../../components/Facts";
import { ItemList } from "../../components/ItemList";
import { Failed, Loading } from "../../components/States";
import { t, tOptional } from "../../i18n";
import { errorText } from "../../state/errorText";
import { dateTime, percent } from "../../state/format";
import { balanceQuery } from "../../state/clusterQueries";
import { keys } from "../../state/queryKeys";
import { FormButton } from "../common/FormButton";

/** Who takes part in evening out loads, how those are, and which moves were made and why. */
export function BalanceSection() {
  const { data, error, refetch } = useQuery(balanceQuery(false));
  return (
    <>
      <div className="hf-title-row">
        <Title headingLevel="h2" size="lg">
          {t("balance")}
        </Title>
        {data && <EditBalance balance={data} />}
      </div>
      {data ? (
        <div className="hf-stack">
          <Settings balance={data} />
          <Proposals />
          <Moves moves={data.moves} />
        </div>
      ) : error ? (
        <Failed text={errorText(error)} onRetry={() => void refetch()} />
      ) : (
        <Loading />
      )}
    </>
  );
}

function Settings({ balance: { enabled, guests, services, loads } }: { balance: Balance }) {
  const others = enabled ? (guests.length > 0 ? guests.join(", ") : t("balance.noGuests")) : t("no");
  return (
    <Facts
      facts={[
        { label: t("ha.services"), value: t(services ? "balance.byOption" : "balance.notByOption") },
        { label: t("balance.others"), value: others },
        ...loads.map(({ node, cpu, memory }) => ({
          label: t("balance.load", { node }),
          value: t("balance.loadOf", { cpu: percent(cpu), memory: percent(memory) }),
        })),
      ]}
    />
  );
}

/** Asked for by a button, as it weighs every guest on every node. */
function Proposals() {
  const [asked, setAsked] = useState(false);
  const { data, error, isFetching } = useQuery({ ...balanceQuery(true), enabled: asked });
  return (
    <>
      <div>
        <Button variant="secondary" isLoading={isFetching} isDisabled={isFetching} onClick={() => setAsked(true)}>
          {t("balance.ask")}
        </Button>
      </div>
      {error && <p>{errorText(error)}</p>}
      {data?.proposals.map((proposal) => (
        <p key={proposal.about}>{proposalText(proposal)}</p>
      ))}
    </>
  );
}

function proposalText({ about, sid, source, target, why }: Proposal): string {
  const who = t(about === "services" ? "ha.services" : "balance.others");
  return target ? t("balance.wouldMove", { who, sid, source, target, why }) : t("balance.wouldNot", { who, why });
}

function Moves({ moves }: { moves: readonly BalanceMove[] }) {
  const columns = [
    { label: t("balance.when"), cell: ({ atS }: BalanceMove) => dateTime(atS) },
    { label: t("ha.service"), cell: ({ sid }: BalanceMove) => sid },
    {
      label: t("balance.move"),
      cell: ({ source, target }: BalanceMove) => t("balance.fromTo", { source, target }),
    },
    { label: t("ha.serviceState"), cell: ({ state }: BalanceMove) => tOptional(`balanceState.${state}`) ?? state },
    { label: t("ha.why"), cell: ({ why }: BalanceMove) => why },
  ];
  return (
    <ItemList
      title={t("balance.moves")}
      items={moves}
      error={null}
      emptyText={t("balance.noMoves")}
      columns={columns}
      keyOf={({ sid, atS }) => `${sid} ${atS}`}
    />
  );
}

function EditBalance({ balance: { enabled, guests, digest } }: { balance: Balance }) {
  return (
    <FormButton
      id="balance"
      label={t("balance.edit")}
      icon={<EditIcon />}
      variant="secondary"
      submitLabel={t("save")}
      touches={keys.balance}
      values={{ enable: enabled ? "1" : "", guests: guests.join(", ") }}
      fields={[
        { kind: "checkbox", name: "enable", label: t("balance.enable"), wide: true },
        { kind: "text", name: "guests", label: t("balance.guests"), help: t("balance.guestsHelp"), wide: true },
      ]}
      order={(values) =>
        setBalance(
          values["enable"] === "1",
          (values["guests"] ?? "")
            .split(/[\s,;]+/)
            .filter(Boolean)
            .join(","),
          digest,
        )
      }
    >
      <p>{t("balance.text")}</p>
    </FormButton>
  );
}
