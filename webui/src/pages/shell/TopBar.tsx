import {
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadLogo,
  MastheadMain,
  MastheadToggle,
  PageToggleButton,
  Toolbar,
  ToolbarContent,
  ToolbarGroup,
  ToolbarItem,
} from "@patternfly/react-core";
import { Link } from "react-router";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { nodes } from "../../state/resources";
import { useStore } from "../../state/store";
import { useResources } from "../common/useResources";
import { urls } from "../urls";
import { Brand } from "./Brand";
import { CreateMenu } from "./CreateMenu";
import { SearchButton } from "./SearchButton";
import { UserMenu } from "./UserMenu";

interface Props {
  sidebarOpen: boolean;
  onToggleSidebar: () => void;
}

export function TopBar({ sidebarOpen, onToggleSidebar }: Props) {
  return (
    <Masthead display={{ default: "inline" }} className="hf-masthead">
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton
            isHamburgerButton
            aria-label={t("sidebar.toggle")}
            isSidebarOpen={sidebarOpen}
            onSidebarToggle={onToggleSidebar}
          />
        </MastheadToggle>
        <MastheadBrand>
          <MastheadLogo component={(props: object) => <Link {...props} to={urls.datacenter} />}>
            <Brand />
          </MastheadLogo>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <Toolbar isStatic ouiaId="masthead">
          <ToolbarContent>
            <ToolbarItem className="hf-place">
              <Place />
            </ToolbarItem>
            <ToolbarGroup align={{ default: "alignEnd" }} gap={{ default: "gapSm" }}>
              <ToolbarItem>
                <SearchButton />
              </ToolbarItem>
              <ToolbarItem>
                <CreateMenu />
              </ToolbarItem>
              <ToolbarItem>
                <UserMenu />
              </ToolbarItem>
            </ToolbarGroup>
          </ToolbarContent>
        </Toolbar>
      </MastheadContent>
    </Masthead>
  );
}

/** The cluster's name, or the node's where there is but one. */
function Place() {
  const session = useStore(useApp().session);
  const { resources } = useResources();
  const all = nodes(resources);
  const cluster = session.status === "active" ? session.clusterName : null;
  const [first] = all;
  return cluster ?? (all.length === 1 && first ? <Link to={urls.node(first.node)}>{first.node}</Link> : null);
}
