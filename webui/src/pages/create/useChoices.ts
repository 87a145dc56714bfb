import { useQueries, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { ContentKind } from "../../api/storage";
import type { Option } from "../../components/FieldForm";
import { storagesFor } from "../../state/createGuest";
import { contentQuery, nextIdQuery, storagesQuery } from "../../state/queries";
import { nodes } from "../../state/resources";
import { useResources } from "../common/useResources";
import { useStorageOptions } from "../common/useStorageOptions";

/** What the create forms offer: nodes that are online, storages for disks, files of one content kind. */
export function useChoices(node: string, diskContent: ContentKind, fileContent: ContentKind) {
  const storages = useQuery(storagesQuery(node)).data ?? [];
  const holders = storagesFor(storages, fileContent);
  const lists = useQueries({ queries: holders.map(({ storage }) => contentQuery(node, storage, fileContent)) });
  return {
    disks: useStorageOptions(node, diskContent),
    files: lists
      .flatMap((list) => list.data ?? [])
      .map(({ volid }): Option => ({ value: volid, label: volid }))
      .sort((a, b) => a.label.localeCompare(b.label)),
  };
}

export function useNodeOptions(): Option[] {
  const { resources } = useResources();
  return nodes(resources)
    .filter(({ online }) => online)
    .map(({ node }) => ({ value: node, label: node }));
}

/**
 * A form's values: what was typed, over defaults that may still be arriving. A chosen value that the list no longer
 * offers (another node was picked) falls back to the list's first.
 */
export function useFormValues() {
  const [edited, setEdited] = useState<Record<string, string>>({});
  const { data: nextId } = useQuery(nextIdQuery());
  return {
    vmid: edited["vmid"] ?? (nextId === undefined ? "" : String(nextId)),
    edited,
    change: (name: string, value: string) => setEdited((before) => ({ ...before, [name]: value })),
    choose: (name: string, options: readonly Option[]) =>
      (options.find(({ value }) => value === edited[name]) ?? options[0])?.value ?? "",
  };
}
