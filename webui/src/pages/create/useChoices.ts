import { useQueries, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { ContentKind, Volume } from "../../api/storage";
import type { Field, Option } from "../../components/FieldForm";
import { t } from "../../i18n";
import { storagesFor } from "../../state/createGuest";
import { isImage } from "../../state/importMachine";
import { contentQuery, nextIdQuery, storagesQuery } from "../../state/queries";
import { nodes } from "../../state/resources";
import { useResources } from "../common/useResources";
import { useStorageOptions } from "../common/useStorageOptions";

/** What the create forms offer: storages for disks, files of one content kind. */
export function useChoices(node: string, diskContent: ContentKind, fileContent: ContentKind) {
  return { disks: useStorageOptions(node, diskContent), files: useFiles(node, fileContent) };
}

/** The files of a kind on all storages of a node. */
function useFiles(node: string, content: ContentKind, isWanted: (volume: Volume) => boolean = () => true): Option[] {
  const storages = useQuery(storagesQuery(node)).data ?? [];
  const holders = storagesFor(storages, content);
  const lists = useQueries({ queries: holders.map(({ storage }) => contentQuery(node, storage, content)) });
  return lists
    .flatMap((list) => list.data ?? [])
    .filter(isWanted)
    .map(({ volid }): Option => ({ value: volid, label: volid }))
    .sort((a, b) => a.label.localeCompare(b.label));
}

/** The field that says what a new disk holds; null where there is nothing to choose. */
export function useImageField(node: string): (Field & { kind: "select" }) | null {
  const images = useFiles(node, "import", isImage);
  if (images.length === 0) return null;
  const options = [{ value: "", label: t("create.noImage") }, ...images];
  return { kind: "select", name: "image", label: t("create.image"), options, help: t("create.imageHelp") };
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
