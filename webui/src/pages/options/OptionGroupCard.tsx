import { Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core";
import EditIcon from "@patternfly/react-icons/dist/esm/icons/edit-icon";
import { type Options, setOptions } from "../../api/options";
import { Facts } from "../../components/Facts";
import type { Field } from "../../components/FieldForm";
import { t, tOptional } from "../../i18n";
import {
  optionChange,
  optionFields,
  optionValues,
  type OptionField,
  type OptionGroup,
} from "../../state/clusterOptions";
import { keys } from "../../state/queryKeys";
import { FormButton } from "../common/FormButton";

interface Props {
  group: OptionGroup;
  options: Options;
}

/** What is set, and the form that changes it. */
export function OptionGroupCard({ group, options }: Props) {
  const title = t(`options.${group}`);
  const fields = optionFields(group);
  const values = optionValues(group, options);
  return (
    <Card isCompact>
      <CardHeader
        actions={{
          hasNoOffset: true,
          actions: (
            <FormButton
              id="options"
              label={t("options.edit", { group: title })}
              icon={<EditIcon />}
              variant="plain"
              submitLabel={t("save")}
              touches={keys.options}
              fieldOf={(name) => fieldOf(name, fields)}
              values={values}
              fields={fields.map(formField)}
              order={(after) => setOptions(optionChange(group, options, after))}
            >
              <p>{t(`options.${group}Text`)}</p>
            </FormButton>
          ),
        }}
      >
        <CardTitle component="h2">{title}</CardTitle>
      </CardHeader>
      <CardBody>
        <Facts
          facts={fields.map((field) => ({ label: label(field), value: shown(field, values[field.name] ?? "") }))}
        />
      </CardBody>
    </Card>
  );
}

const label = ({ name }: OptionField) => tOptional(`clusterOption.${name}`) ?? name;
const word = (name: string, value: string) => tOptional(`clusterOption.${name}.${value}`) ?? value;

function shown(field: OptionField, value: string) {
  if (!field.keptOnly || value === "") return valueOf(field, value);
  return (
    <>
      {valueOf(field, value)} <span className="hf-subtle">{t("options.keptOnlyMark")}</span>
    </>
  );
}

function valueOf({ name, kind, usual }: OptionField, value: string) {
  if (kind === "checkbox") return t(value === "1" ? "yes" : "no");
  if (value !== "") return <span className="hf-notes">{word(name, value)}</span>;
  return (
    <span className="hf-subtle">
      {usual === undefined ? t("options.unset") : t("options.usual", { value: word(name, usual) })}
    </span>
  );
}

/** Errors about a property string stand at its first field, whose key they name. */
function fieldOf(name: string, fields: readonly OptionField[]): string {
  const found = fields.find((field) => field.name === name || field.name.startsWith(`${name}.`));
  return found?.name ?? name;
}

function formField(field: OptionField): Field {
  const { name, kind, choices, usual } = field;
  const help = [tOptional(`clusterOptionHelp.${name}`), field.keptOnly && t("options.keptOnly")]
    .filter(Boolean)
    .join(" ");
  const common = { name, label: label(field), ...(help && { help }) };
  switch (kind) {
    case "select": {
      const none = usual === undefined ? t("options.unset") : t("options.usual", { value: word(name, usual) });
      const options = choices.map((value) => ({ value, label: word(name, value) }));
      return { ...common, kind, options: [{ value: "", label: none }, ...options] };
    }
    case "text":
    case "number":
      return { ...common, kind, ...(usual !== undefined && { placeholder: usual }) };
    case "area":
    case "checkbox":
      return { ...common, kind, wide: true };
  }
}
