import { FormSelect, FormSelectOption, PageSidebar, PageSidebarBody } from "@patternfly/react-core";
import BuildingIcon from "@patternfly/react-icons/dist/esm/icons/building-icon";
import LayerGroupIcon from "@patternfly/react-icons/dist/esm/icons/layer-group-icon";
import { useMemo, useState } from "react";
import { useLocation, useNavigate } from "react-router";
import { Failed, Loading } from "../../components/States";
import { Tree } from "../../components/Tree";
import { t, tOptional } from "../../i18n";
import { useApp } from "../../state/app";
import { errorText } from "../../state/errorText";
import { useStore } from "../../state/store";
import { buildTree, GROUPINGS, type ShownItem, shownItems } from "../../state/tree";
import { ResourceIcon } from "../common/ResourceIcon";
import { useResources } from "../common/useResources";
import { isDatacenter, resourceIdOfPath, resourceUrl, urls } from "../urls";

const ROOT = "datacenter";

function nameOf({ id, resource, group, level }: ShownItem): string {
  if (level === 1) return t("datacenter");
  if (resource === null) {
    const [kind = ""] = id.split(":");
    return group === ""
      ? t(kind === "pool" ? "tree.noPool" : "tree.noTag")
      : (tOptional(`tree.${kind}.${group}`) ?? group);
  }
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
export function ResourceTree({ isOpen, onChoose }: { isOpen: boolean; onChoose: () => void }) {
  // PatternFly hides a closed one from readers of the screen, not from the Tab key.
  return (
    <PageSidebar isSidebarOpen={isOpen} inert={!isOpen}>
      <PageSidebarBody isFilled>
        <AllResources onChoose={onChoose} />
      </PageSidebarBody>
    </PageSidebar>
  );
}

function AllResources({ onChoose }: { onChoose: () => void }) {
  const { resources, loaded, error, retry } = useResources();
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const { grouping } = useApp();
  const by = useStore(grouping);
  const tree = useMemo(() => buildTree(resources, by), [resources, by]);
  const rows = useMemo(
    () => shownItems(tree, ROOT, closed).map((item) => ({ ...item, text: nameOf(item) })),
    [tree, closed],
  );
  if (!loaded) return error ? <Failed text={errorText(error)} onRetry={retry} /> : <Loading />;
  const wanted = resourceIdOfPath(pathname);
  // A guest may stand at several places: the first is as good as any.
  const activeId = isDatacenter(pathname) ? ROOT : (rows.find(({ resource }) => resource?.id === wanted)?.id ?? wanted);
  const toggle = (id: string) => {
    const next = new Set(closed);
    if (!next.delete(id)) next.add(id);
    setClosed(next);
  };
  const open = (id: string) => {
    const row = rows.find((candidate) => candidate.id === id);
    const place = row?.resource ? resourceUrl(row.resource) : id === ROOT ? urls.datacenter : null;
    if (place === null) return toggle(id);
    void navigate(place);
    onChoose();
  };
  return (
    <nav aria-label={t("tree.label")}>
      <FormSelect
        className="hf-tree-grouping"
        aria-label={t("tree.grouping")}
        value={by}
        onChange={(_event, value) => grouping.set(GROUPINGS.find((name) => name === value) ?? by)}
      >
        {GROUPINGS.map((name) => (
          <FormSelectOption key={name} value={name} label={t(`tree.by.${name}`)} />
        ))}
      </FormSelect>
      <Tree
        label={t("tree.label")}
        rows={rows}
        activeId={activeId}
        icon={({ resource, level }) =>
          resource ? <ResourceIcon resource={resource} /> : level === 1 ? <BuildingIcon /> : <LayerGroupIcon />
        }
        onSelect={open}
        onToggle={toggle}
      />
    </nav>
  );
}
