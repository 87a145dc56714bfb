import { PageSection } from "@patternfly/react-core";
import { useParams } from "react-router";
import { t } from "../../i18n";
import "../../i18n/whole";
import { RouteTabs } from "../common/RouteTabs";
import { DatacenterHeader } from "../datacenter/DatacenterHeader";
import { NotFoundPage } from "../notfound/NotFoundPage";
import { urls } from "../urls";
import { GrantsTab } from "./GrantsTab";
import { GroupsTab } from "./GroupsTab";
import { RealmsTab } from "./RealmsTab";
import { RolesTab } from "./RolesTab";
import { TokensTab } from "./TokensTab";
import { UsersTab } from "./UsersTab";

const VIEWS = {
  users: UsersTab,
  groups: GroupsTab,
  tokens: TokensTab,
  roles: RolesTab,
  permissions: GrantsTab,
  realms: RealmsTab,
} as const;
type Tab = keyof typeof VIEWS;

const isTab = (name: string): name is Tab => name in VIEWS;

/** Who may log in, and what everybody may do. */
export default function AccessPage() {
  const { tab = "users" } = useParams();
  if (!isTab(tab)) return <NotFoundPage />;
  const View = VIEWS[tab];
  const tabs = (Object.keys(VIEWS) as Tab[]).map((key) => ({ key, label: t(`access.${key}`) }));
  return (
    <>
      <DatacenterHeader active="access" />
      <PageSection isFilled>
        <RouteTabs tabs={tabs} active={tab} urlOf={urls.access} isSecondary />
        <View />
      </PageSection>
    </>
  );
}
