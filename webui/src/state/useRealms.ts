import { useEffect, useState } from "react";
import { getRealms, type Realm, takesLogIn } from "../api/access";
import { t } from "../i18n";

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
      .then((found) => show(found.filter(({ type }) => takesLogIn(type))))
      .catch(() => show([{ id: "pam", type: "pam", comment: t("realm.pam"), isDefault: true }]));
    return () => {
      wanted = false;
    };
  }, []);
  return realms;
}
