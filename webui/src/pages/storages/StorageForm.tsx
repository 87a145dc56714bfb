import EditIcon from "@patternfly/react-icons/dist/esm/icons/edit-icon";
import { addStorage, changeStorage, type StorageConfig } from "../../api/storageConfigs";
import type { Field, Values } from "../../components/FieldForm";
import { t, tOptional } from "../../i18n";
import { keys } from "../../state/queryKeys";
import {
  newStorage,
  STORAGE_TYPES,
  storageChange,
  storageFields,
  storageValues,
  type TypeField,
} from "../../state/storageTypes";
import { FormButton } from "../common/FormButton";
import { contentLabel } from "../storage/contentLabel";

const TYPES = Object.keys(STORAGE_TYPES);

/** What needs a row of its own, so that contents begin on a new one. */
const WIDE: ReadonlySet<string> = new Set(["nodes", "options", "path", "shared", "sparse"]);

function formField({ name, kind, required, content }: TypeField): Field {
  if (content !== undefined)
    return { kind: "checkbox", name, label: t("storages.holds", { content: contentLabel(content) }) };
  const help = tOptional(`storageOptionHelp.${name}`);
  const label = tOptional(`storageOption.${name}`) ?? name;
  return { kind, name, label, required: required ?? false, wide: WIDE.has(name), ...(help && { help }) };
}

const fieldsOf = (type: string, exists: boolean) => storageFields(type, exists).map(formField);

/** One more storage for the cluster; what was typed stays while another type is looked at. */
export function AddStorageButton() {
  const fields = ({ type = "" }: Values): Field[] => [
    {
      kind: "select",
      name: "type",
      label: t("storage.type"),
      options: TYPES.map((value) => ({ value, label: tOptional(`storageType.${value}`) ?? value })),
    },
    { kind: "text", name: "storage", label: t("storages.id"), help: t("storages.idHelp"), required: true },
    ...fieldsOf(type, false),
  ];
  return (
    <FormButton
      id="storage"
      label={t("storages.add")}
      submitLabel={t("add")}
      touches={keys.allStorage}
      fields={fields}
      values={{
        type: TYPES[0] ?? "",
        storage: "",
        ...Object.assign({}, ...TYPES.map((type) => storageValues(type, null))),
      }}
      order={(values) => {
        const { type = "", storage = "" } = values;
        return addStorage(storage.trim(), type, newStorage(type, values));
      }}
    />
  );
}

/** What a storage is made of stays as it is; all else can be changed. */
export function EditStorageButton({ config }: { config: StorageConfig }) {
  const { storage, type } = config;
  return (
    <FormButton
      id="storage"
      label={t("storages.edit", { storage })}
      icon={<EditIcon />}
      variant="plain"
      submitLabel={t("save")}
      touches={keys.allStorage}
      fields={fieldsOf(type, true)}
      values={storageValues(type, config)}
      order={(values) => changeStorage(config, storageChange(config, values))}
    />
  );
}
