import { useQuery } from "@tanstack/react-query";
import { Loading } from "../../components/States";
import { t } from "../../i18n";
import { errorText } from "../../state/errorText";
import { findingsQuery } from "../../state/clusterQueries";
import { Findings } from "./Findings";

/** What stands in the way of one guest, before it is looked after. */
export function ServiceFindings({ sid }: { sid: string }) {
  const { data, error } = useQuery({ ...findingsQuery(sid), enabled: sid !== "" });
  if (sid === "") return null;
  if (!data) return error ? <p>{errorText(error)}</p> : <Loading text={t("ha.checking")} />;
  return <Findings findings={data} none={t("ha.nothingFound")} />;
}
