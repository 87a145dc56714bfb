/** What can be read of storages, as in `queries.ts`; loaded with the views of them. */
import { queryOptions } from "@tanstack/react-query";
import { getTemplates } from "../api/downloads";
import { getStorageConfigs } from "../api/storageConfigs";
import { keys } from "./queryKeys";
import "../i18n/wholeStorage";

export const storageConfigsQuery = () =>
  queryOptions({ queryKey: keys.storageConfigs, queryFn: getStorageConfigs, meta: { live: true } });
export const templatesQuery = (node: string) =>
  queryOptions({ queryKey: keys.templates(node), queryFn: () => getTemplates(node) });
