import { Label, LabelGroup } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { type PoolMember, setMember } from "../../api/pools";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { errorText } from "../../state/errorText";
import { poolMembersQuery } from "../../state/clusterQueries";
import { keys } from "../../state/queryKeys";
import { useChange } from "../common/useChange";

/** What is in a pool; each can be taken out, and put in again as easily. */
export function PoolMembers({ pool }: { pool: string }) {
  const { data, error } = useQuery(poolMembersQuery(pool));
  const { toasts } = useApp();
  const change = useChange(keys.pools);
  if (error) return <span className="hf-subtle">{errorText(error)}</span>;
  if (data?.length === 0) return <span className="hf-subtle">{t("pool.empty")}</span>;
  const takeOut = async ({ kind, id }: PoolMember) => {
    try {
      await change(() => setMember(pool, kind, id, false));
    } catch (reason) {
      toasts.add({ variant: "danger", title: t("failed"), text: errorText(reason) });
    }
  };
  return (
    <LabelGroup numLabels={12} aria-label={t("pool.membersOf", { pool })}>
      {(data ?? []).map((member) => (
        <Label
          key={`${member.kind} ${member.id}`}
          isCompact
          variant="outline"
          onClose={() => void takeOut(member)}
          closeBtnAriaLabel={t("pool.takeOut", { what: member.id, pool })}
        >
          {member.kind === "storage" ? member.name : t("cluster.guest", { vmid: member.id, name: member.name })}
        </Label>
      ))}
    </LabelGroup>
  );
}
