import { useQuery } from "@tanstack/react-query";
import type { ContentKind } from "../../api/storage";
import type { Option } from "../../components/FieldForm";
import { t } from "../../i18n";
import { storagesFor } from "../../state/createGuest";
import { bytes } from "../../state/format";
import { storagesQuery } from "../../state/queries";

/** The storages of a node that take a kind of content, the roomiest first, with what is free on them. */
export function useStorageOptions(node: string, content: ContentKind): Option[] {
  const storages = useQuery(storagesQuery(node)).data ?? [];
  return storagesFor(storages, content).map(({ storage, availableBytes }) => ({
    value: storage,
    label: t("storage.withFree", { storage, free: bytes(availableBytes) }),
  }));
}
