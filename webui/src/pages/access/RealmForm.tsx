import { Alert } from "@patternfly/react-core";
import EditIcon from "@patternfly/react-icons/dist/esm/icons/edit-icon";
import { useQuery } from "@tanstack/react-query";
import { type Realm, takesLogIn } from "../../api/access";
import { limits } from "../../api/limits";
import { addRealm, changeRealm } from "../../api/realms";
import type { Field, Values } from "../../components/FieldForm";
import { t, tOptional } from "../../i18n";
import { realmConfigQuery } from "../../state/clusterQueries";
import { errorText } from "../../state/errorText";
import { keys } from "../../state/queryKeys";
import { REALM_TYPES, realmChange, type RealmOption, realmValues } from "../../state/realmTypes";
import { EditModal } from "../common/EditModal";
import { FormButton } from "../common/FormButton";
import { OpenButton } from "../common/OpenButton";
import { useChange } from "../common/useChange";

const BOUNDS = limits["POST /access/domains"] ?? {};
const TYPES = Object.keys(REALM_TYPES).filter((type) => !REALM_TYPES[type]?.builtIn);
const typeName = (type: string) => tOptional(`realmType.${type}`) ?? type;

function formField({ name, kind, required = false }: RealmOption, exists: boolean): Field {
  const bounds = BOUNDS[name] ?? {};
  const label = tOptional(`realmOption.${name}`) ?? name;
  const help = kind === "password" && exists ? t("realm.secretKept") : tOptional(`realmOptionHelp.${name}`);
  const common = { name, label, required, ...(help && { help }) };
  switch (kind) {
    case "choice":
      return {
        ...common,
        kind: "select",
        options: ["", ...(bounds.enum ?? [])].map((value) => ({
          value,
          label: value || t("realm.usual", { value: String(bounds.default ?? "") }),
        })),
      };
    case "number":
      return { ...common, kind, min: bounds.minimum, max: bounds.maximum };
    case "checkbox":
      return { ...common, kind, wide: true };
    default:
      return { ...common, kind };
  }
}

const fieldsOf = (type: string, exists: boolean) =>
  (REALM_TYPES[type]?.options ?? []).map((option) => formField(option, exists));

/** Nobody is to believe that a directory's users can log in once it is entered. */
function Kept({ type }: { type: string }) {
  return takesLogIn(type) ? null : <Alert component="p" variant="info" isInline title={t("realm.keptText")} />;
}

/** A directory or provider whose users are to be known; what was typed stays while another type is looked at. */
export function AddRealmButton() {
  const fields = ({ type = "" }: Values): Field[] => [
    {
      kind: "select",
      name: "type",
      label: t("realm.type"),
      options: TYPES.map((value) => ({ value, label: typeName(value) })),
    },
    { kind: "text", name: "realm", label: t("realm.id"), help: t("realm.idHelp"), required: true },
    ...fieldsOf(type, false),
  ];
  return (
    <FormButton
      id="realm"
      touches={keys.people}
      label={t("realm.add")}
      submitLabel={t("add")}
      fields={fields}
      values={{ type: TYPES[0] ?? "", realm: "", ...Object.assign({}, ...TYPES.map((type) => realmValues(type, {}))) }}
      order={(values) => {
        const { type = "", realm = "" } = values;
        return addRealm(realm.trim(), type, realmChange(type, {}, values).set);
      }}
    >
      {({ type = "" }) => <Kept type={type} />}
    </FormButton>
  );
}

export function EditRealmButton({ realm }: { realm: Realm }) {
  return (
    <OpenButton icon={<EditIcon />} variant="plain" label={t("realm.edit", { realm: realm.id })}>
      {(onClose) => <EditRealm realm={realm} onClose={onClose} />}
    </OpenButton>
  );
}

function EditRealm({ realm: { id, type }, onClose }: { realm: Realm; onClose: () => void }) {
  const { data, error } = useQuery(realmConfigQuery(id));
  const change = useChange(keys.people);
  const { options = {}, digest = "" } = data ?? {};
  return (
    <EditModal
      id="realm"
      title={t("realm.edit", { realm: id })}
      submitLabel={t("save")}
      fields={fieldsOf(type, true)}
      values={realmValues(type, options)}
      blocked={() => data === undefined}
      order={(values) => change(() => changeRealm(id, digest, realmChange(type, options, values)))}
      onClose={onClose}
    >
      {error && <Alert component="p" variant="danger" isInline title={errorText(error)} />}
      <Kept type={type} />
    </EditModal>
  );
}
