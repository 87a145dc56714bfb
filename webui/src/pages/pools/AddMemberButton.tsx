import PlusCircleIcon from "@patternfly/react-icons/dist/esm/icons/plus-circle-icon";
import { useQuery } from "@tanstack/react-query";
import { setMember } from "../../api/pools";
import { t } from "../../i18n";
import { poolMembersQuery } from "../../state/clusterQueries";
import { keys } from "../../state/queryKeys";
import { guests, isStorage } from "../../state/resources";
import { FormButton } from "../common/FormButton";
import { useResources } from "../common/useResources";

/** Puts a guest or a storage into a pool. */
export function AddMemberButton({ pool }: { pool: string }) {
  const { resources } = useResources();
  const { data: members = [] } = useQuery(poolMembersQuery(pool));
  const inside = new Set(members.map(({ kind, id }) => `${kind} ${id}`));
  const storages = [...new Set(resources.filter(isStorage).map(({ storage }) => storage))].sort();
  const options = [
    ...guests(resources).map(({ vmid, name }) => ({
      value: `guest ${vmid}`,
      label: t("cluster.guest", { vmid, name }),
    })),
    ...storages.map((storage) => ({ value: `storage ${storage}`, label: t("pool.storage", { storage }) })),
  ].filter(({ value }) => !inside.has(value));
  return (
    <FormButton
      id="member"
      size="small"
      label={t("pool.put", { pool })}
      icon={<PlusCircleIcon />}
      variant="plain"
      isDisabled={options.length === 0}
      submitLabel={t("add")}
      touches={keys.pools}
      fieldOf={(name) => (name === "vms" || name === "storage" ? "member" : name)}
      values={{ member: options[0]?.value ?? "" }}
      fields={[{ kind: "select", name: "member", label: t("pool.what"), options, required: true, wide: true }]}
      order={({ member = "" }) => {
        const at = member.indexOf(" ");
        return setMember(pool, member.startsWith("storage ") ? "storage" : "guest", member.slice(at + 1), true);
      }}
    >
      <p>{t("pool.putText")}</p>
    </FormButton>
  );
}
