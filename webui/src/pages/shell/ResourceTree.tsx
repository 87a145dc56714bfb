import { PageSidebar, PageSidebarBody, TreeView, type TreeViewDataItem } from "@patternfly/react-core";
import BuildingIcon from "@patternfly/react-icons/dist/esm/icons/building-icon";
import { useMemo } from "react";
import { useLocation, useNavigate } from "react-router";
import type { Resource } from "../../api/cluster";
import { Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { buildTree, type TreeItem } from "../../state/tree";
import { ResourceIcon } from "../common/ResourceIcon";
import { useResources } from "../common/useResources";
import { isDatacenter, resourceIdOfPath, resourceUrl, urls } from "../urls";

const ROOT = "datacenter";

function nameOf(resource: Resource): string {
  switch (resource.kind) {
    case "node":
      return resource.node;
    case "storage":
      return resource.storage;
    default:
      return `${resource.vmid} (${resource.name})`;
  }
}

function toData({ id, resource, children }: TreeItem): TreeViewDataItem {
  return {
    id,
    name: <span title={nameOf(resource)}>{nameOf(resource)}</span>,
    icon: <ResourceIcon resource={resource} />,
    defaultExpanded: true,
    ...(children.length > 0 && { children: children.map(toData) }),
  };
}

/** The sidebar: the data center, its nodes, and on each its guests and storages, with their live state. */
export function ResourceTree({ isOpen }: { isOpen: boolean }) {
  return (
    <PageSidebar isSidebarOpen={isOpen}>
      <PageSidebarBody isFilled>
        <Tree />
      </PageSidebarBody>
    </PageSidebar>
  );
}

function Tree() {
  const { resources, loaded, error, retry } = useResources();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const data = useMemo<TreeViewDataItem[]>(
    () => [
      {
        id: ROOT,
        name: t("datacenter"),
        icon: <BuildingIcon />,
        defaultExpanded: true,
        children: buildTree(resources).map(toData),
      },
    ],
    [resources],
  );
  if (!loaded) return error ? <Failed text={errorText(error)} onRetry={retry} /> : <Loading />;
  const activeId = isDatacenter(pathname) ? ROOT : resourceIdOfPath(pathname);
  const open = (id: string | undefined) => {
    const resource = resources.find((candidate) => candidate.id === id);
    void navigate(resource ? resourceUrl(resource) : urls.datacenter);
  };
  return (
    <nav aria-label={t("tree.label")}>
      <TreeView
        aria-label={t("tree.label")}
        data={data}
        activeItems={activeId ? [{ id: activeId, name: "" }] : []}
        compareItems={(item, candidate) => item.id === candidate.id}
        hasSelectableNodes
        onSelect={(_event, item) => open(item.id)}
        className="hf-tree"
      />
    </nav>
  );
}
