import { t } from "../../i18n";
import { PageHeader } from "../common/PageHeader";
import { RouteTabs } from "../common/RouteTabs";
import { urls } from "../urls";

export const DATACENTER_TABS = ["summary", "cluster", "ha", "access", "storage", "pools", "options"] as const;
export type DatacenterTab = (typeof DATACENTER_TABS)[number];

/** The top of all views of the whole cluster. */
export function DatacenterHeader({ active }: { active: DatacenterTab }) {
  const tabs = DATACENTER_TABS.map((key) => ({ key, label: t(`datacenter.${key}`) }));
  return (
    <PageHeader
      above={[]}
      title={t("datacenter")}
      tabs={<RouteTabs tabs={tabs} active={active} urlOf={urls.datacenterTab} />}
    />
  );
}
