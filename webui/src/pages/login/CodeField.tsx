import { FormGroup, FormHelperText, HelperText, HelperTextItem, TextInput } from "@patternfly/react-core";

interface Props {
  label: string;
  help: string;
  /** Digits only: phones then show their number pad. */
  numeric: boolean;
  value: string;
  isWrong: boolean;
  onChange: (value: string) => void;
}

/** Where a one-time code is typed. */
export function CodeField({ label, help, numeric, value, isWrong, onChange }: Props) {
  return (
    <FormGroup label={label} isRequired fieldId="login-code">
      <TextInput
        id="login-code"
        value={value}
        onChange={(_event, text) => onChange(text)}
        validated={isWrong ? "error" : "default"}
        autoComplete="one-time-code"
        autoCapitalize="none"
        inputMode={numeric ? "numeric" : "text"}
        spellCheck={false}
        aria-describedby="login-code-help"
        autoFocus
      />
      <FormHelperText id="login-code-help">
        <HelperText>
          <HelperTextItem>{help}</HelperTextItem>
        </HelperText>
      </FormHelperText>
    </FormGroup>
  );
}
