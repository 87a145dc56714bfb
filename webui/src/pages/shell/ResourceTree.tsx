import { PageSidebar, PageSidebarBody } from "@patternfly/react-core";
import BuildingIcon from "@patternfly/react-icons/dist/esm/icons/building-icon";
import { useMemo, useState } from "react";
import { useLocation, useNavigate } from "react-router";
import type { Resource } from "../../api/cluster";
import { Failed, Loading } from "../../components/States";
import { Tree } from "../../components/Tree";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { buildTree, shownItems } from "../../state/tree";
import { ResourceIcon } from "../common/ResourceIcon";
import { useResources } from "../common/useResources";
import { isDatacenter, resourceIdOfPath, resourceUrl, urls } from "../urls";

const ROOT = "datacenter";

function nameOf(resource: Resource | null): string {
  if (resource === null) return t("datacenter");
  switch (resource.kind) {
    case "node":
      return resource.node;
    case "storage":
      return resource.storage;
    default:
      return `${resource.vmid} (${resource.name})`;
  }
}

/** The sidebar: the data center, its nodes, and on each its guests and storages, with their live state. */
export function ResourceTree({ isOpen }: { isOpen: boolean }) {
  // PatternFly hides a closed one from readers of the screen, not from the Tab key.
  return (
    <PageSidebar isSidebarOpen={isOpen} inert={!isOpen}>
      <PageSidebarBody isFilled>
        <AllResources />
      </PageSidebarBody>
    </PageSidebar>
  );
}

function AllResources() {
  const { resources, loaded, error, retry } = useResources();
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const tree = useMemo(() => buildTree(resources), [resources]);
  const rows = useMemo(
    () => shownItems(tree, ROOT, closed).map((item) => ({ ...item, text: nameOf(item.resource) })),
    [tree, closed],
  );
  if (!loaded) return error ? <Failed text={errorText(error)} onRetry={retry} /> : <Loading />;
  const activeId = isDatacenter(pathname) ? ROOT : resourceIdOfPath(pathname);
  const toggle = (id: string) => {
    const next = new Set(closed);
    if (!next.delete(id)) next.add(id);
    setClosed(next);
  };
  const open = (id: string) => {
    const resource = resources.find((candidate) => candidate.id === id);
    void navigate(resource ? resourceUrl(resource) : urls.datacenter);
  };
  return (
    <nav aria-label={t("tree.label")}>
      <Tree
        label={t("tree.label")}
        rows={rows}
        activeId={activeId}
        icon={({ resource }) => (resource ? <ResourceIcon resource={resource} /> : <BuildingIcon />)}
        onSelect={open}
        onToggle={toggle}
      />
    </nav>
  );
}
