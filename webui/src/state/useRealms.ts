import { useEffect, useState } from "react";
import { getRealms, type Realm } from "../api/access";
import { t } from "../i18n";

/** Where this server takes passwords. Directories and OpenID are configured already, but log-in is not built. */
const LOG_IN_TYPES = ["pam", "pve"];

/** Realms one can log in to, empty while the server has not told them; the host's own where it cannot tell.
 * No cache entry: the cache is emptied whenever this page's log-in form appears. */
export function useRealms(): readonly Realm[] {
  const [realms, setRealms] = useState<readonly Realm[]>([]);
  useEffect(() => {
    let wanted = true;
    const show = (found: readonly Realm[]) => {
      if (wanted) setRealms(found);
    };
    getRealms()
      .then((found) => show(found.filter(({ type }) => LOG_IN_TYPES.includes(type))))
      .catch(() => show([{ id: "pam", type: "pam", comment: t("realm.pam"), isDefault: true }]));
    return () => {
      wanted = false;
    };
  }, []);
  return realms;
}
