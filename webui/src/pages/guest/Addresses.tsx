import { useQuery } from "@tanstack/react-query";
import type { GuestResource } from "../../api/cluster";
import type { GuestConfig } from "../../api/guests";
import { t } from "../../i18n";
import "../../i18n/wholeGuest";
import { hasAgent } from "../../state/guestActions";
import { addressesQuery } from "../../state/queries";

interface Props {
  guest: GuestResource;
  config: GuestConfig;
}

/** Where a running guest is reached; of a machine without an agent nobody knows. */
export function Addresses({ guest, config }: Props) {
  const asks = guest.kind === "lxc" || hasAgent(config);
  const { data, error } = useQuery({ ...addressesQuery(guest), enabled: asks });
  if (!asks) return <span className="hf-subtle">{t("addresses.noAgent")}</span>;
  if (!data) return <span className="hf-subtle">{t(error ? "addresses.silent" : "loading")}</span>;
  if (data.length === 0) return <span className="hf-subtle">{t("addresses.none")}</span>;
  return (
    <ul className="hf-plain-list">
      {data.flatMap(({ name, addresses }) =>
        addresses.map((address) => (
          <li key={`${name} ${address}`}>
            <span className="hf-secret">{address}</span> <span className="hf-subtle">{name}</span>
          </li>
        )),
      )}
    </ul>
  );
}
