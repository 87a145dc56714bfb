import {
  Checkbox,
  Form,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  Grid,
  GridItem,
  HelperText,
  HelperTextItem,
  InputGroup,
  InputGroupItem,
  InputGroupText,
  TextArea,
  TextInput,
} from "@patternfly/react-core";
import type { FormEvent } from "react";
import { PasswordInput } from "./PasswordInput";

export interface Option {
  value: string;
  label: string;
}

interface Common {
  name: string;
  label: string;
  help?: string;
  required?: boolean;
  /** Takes the whole row; otherwise two fields share one on wide screens. */
  wide?: boolean;
}

export type Field = Common &
  (
    | { kind: "text"; placeholder?: string; oneTimeCode?: boolean }
    /** `current`: one that exists, which password managers may fill in. */
    | { kind: "password"; current?: boolean }
    /** Some lines. */
    | { kind: "area" }
    | { kind: "number"; unit?: string; placeholder?: string; min?: number | undefined; max?: number | undefined }
    /** `empty` is shown instead of a list that has no entries. */
    | { kind: "select"; options: readonly Option[]; empty?: string }
    | { kind: "checkbox" }
    /** Text of several lines, as they are. */
    | { kind: "lines"; rows: number }
  );

const NO_COMPLETION = { autoComplete: "off" } as const;

export type Values = Readonly<Record<string, string>>;

/** What was typed into the password fields. */
export function typedSecrets(fields: readonly Field[], values: Values): string[] {
  return fields.filter(({ kind }) => kind === "password").map(({ name }) => values[name] ?? "");
}

interface Props {
  /** Submit buttons outside refer to it. */
  id: string;
  fields: readonly Field[];
  /** A checkbox is "1" or "". */
  values: Values;
  errors: Values;
  onChange: (name: string, value: string) => void;
  onSubmit: () => void;
}

/** A form as a list of fields; errors stand at their field. */
export function FieldForm({ id, fields, values, errors, onChange, onSubmit }: Props) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <Form id={id} onSubmit={submit} noValidate>
      <Grid hasGutter>
        {fields.map((field) => (
          <GridItem key={field.name} span={12} md={field.wide ? 12 : 6}>
            <FormRow
              id={`${id}-${field.name}`}
              field={field}
              value={values[field.name] ?? ""}
              error={errors[field.name]}
              onChange={(value) => onChange(field.name, value)}
            />
          </GridItem>
        ))}
      </Grid>
    </Form>
  );
}

interface RowProps {
  id: string;
  field: Field;
  value: string;
  error: string | undefined;
  onChange: (value: string) => void;
}

function FormRow(props: RowProps) {
  const { id, field, error } = props;
  const note = error ?? field.help;
  return (
    <FormGroup
      fieldId={id}
      {...(field.kind !== "checkbox" && { label: field.label, isRequired: field.required === true })}
    >
      <Input {...props} noteId={note ? `${id}-note` : undefined} />
      {note && (
        <FormHelperText id={`${id}-note`} {...(error && { "aria-live": "polite" as const })}>
          <HelperText>
            <HelperTextItem variant={error ? "error" : "default"}>{note}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}

function Input({ id, field, value, error, onChange, noteId }: RowProps & { noteId: string | undefined }) {
  const common = {
    id,
    value,
    validated: error ? ("error" as const) : ("default" as const),
    ...(noteId && { "aria-describedby": noteId }),
  };
  const changed = (_event: unknown, text: string) => onChange(text);
  switch (field.kind) {
    case "text":
      return (
        <TextInput
          {...common}
          placeholder={field.placeholder}
          {...(field.oneTimeCode ? ({ autoComplete: "one-time-code", inputMode: "numeric" } as const) : NO_COMPLETION)}
          onChange={changed}
        />
      );
    case "area":
      return <TextArea {...common} resizeOrientation="vertical" autoResize onChange={changed} />;
    case "password":
      return (
        <PasswordInput
          {...common}
          autoComplete={field.current ? "current-password" : "new-password"}
          onChange={onChange}
        />
      );
    case "number":
      return (
        <InputGroup>
          <InputGroupItem isFill>
            <TextInput
              {...common}
              type="number"
              placeholder={field.placeholder}
              min={field.min}
              max={field.max}
              onChange={changed}
            />
          </InputGroupItem>
          {field.unit && <InputGroupText>{field.unit}</InputGroupText>}
        </InputGroup>
      );
    case "select":
      return field.options.length === 0 && field.empty ? (
        <TextInput {...common} value={field.empty} readOnlyVariant="default" onChange={() => undefined} />
      ) : (
        <FormSelect {...common} onChange={changed}>
          {field.options.map((option) => (
            <FormSelectOption key={option.value} value={option.value} label={option.label} />
          ))}
        </FormSelect>
      );
    case "lines":
      return <TextArea {...common} rows={field.rows} spellCheck={false} className="hf-mono" onChange={changed} />;
    case "checkbox":
      return (
        <Checkbox
          id={id}
          label={field.label}
          isChecked={value === "1"}
          onChange={(_event, checked) => onChange(checked ? "1" : "")}
        />
      );
  }
}
