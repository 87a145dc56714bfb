import EditIcon from "@patternfly/react-icons/dist/esm/icons/edit-icon";
import { type Service, setService } from "../../api/ha";
import { t } from "../../i18n";
import { keys } from "../../state/queryKeys";
import { guests } from "../../state/resources";
import { FormButton } from "../common/FormButton";
import { useResources } from "../common/useResources";
import { ServiceFindings } from "./ServiceFindings";
import { serviceField, serviceFields, serviceValues, serviceWish } from "./serviceFields";

/** A guest is chosen, and what stands in its way is told before it is added. */
export function AddServiceButton({ services }: { services: readonly Service[] }) {
  const known = new Set(services.map(({ sid }) => sid));
  const free = guests(useResources().resources)
    .filter(({ template }) => !template)
    .map(({ kind, vmid, name }) => ({
      value: `${kind === "qemu" ? "vm" : "ct"}:${vmid}`,
      label: t("cluster.guest", { vmid, name }),
    }))
    .filter(({ value }) => !known.has(value));
  return (
    <FormButton
      id="service"
      label={t("ha.add")}
      submitLabel={t("add")}
      touches={keys.ha}
      fieldOf={serviceField}
      values={{ guest: free[0]?.value ?? "", ...serviceValues(null) }}
      fields={[
        {
          kind: "select",
          name: "guest",
          label: t("ha.guest"),
          options: free,
          empty: t("ha.noGuests"),
          required: true,
        },
        ...serviceFields(),
      ]}
      order={({ guest = "", ...values }) => setService(guest, serviceWish(values), null)}
    >
      {({ guest = "" }) => <ServiceFindings sid={guest} />}
    </FormButton>
  );
}

export function EditServiceButton({ service }: { service: Service }) {
  return (
    <FormButton
      id="service"
      label={t("ha.edit", { sid: service.sid })}
      icon={<EditIcon />}
      variant="plain"
      submitLabel={t("save")}
      touches={keys.ha}
      fieldOf={serviceField}
      values={serviceValues(service)}
      fields={serviceFields()}
      order={(values) => setService(service.sid, serviceWish(values), service)}
    />
  );
}
