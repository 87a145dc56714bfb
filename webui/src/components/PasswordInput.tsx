import { Button, InputGroup, InputGroupItem, TextInput } from "@patternfly/react-core";
import EyeIcon from "@patternfly/react-icons/dist/esm/icons/eye-icon";
import EyeSlashIcon from "@patternfly/react-icons/dist/esm/icons/eye-slash-icon";
import { useState } from "react";
import { t } from "../i18n";

interface Props {
  id: string;
  value: string;
  onChange: (value: string) => void;
  autoComplete: "current-password" | "new-password";
  validated?: "default" | "error";
  isRequired?: boolean;
  "aria-describedby"?: string;
}

/** A password field whose text can be shown. */
export function PasswordInput({ onChange, ...input }: Props) {
  const [shown, setShown] = useState(false);
  const label = t(shown ? "password.hide" : "password.show");
  return (
    <InputGroup>
      <InputGroupItem isFill>
        <TextInput {...input} type={shown ? "text" : "password"} onChange={(_event, value) => onChange(value)} />
      </InputGroupItem>
      <InputGroupItem>
        <Button
          variant="control"
          aria-label={label}
          onClick={() => setShown(!shown)}
          icon={shown ? <EyeSlashIcon /> : <EyeIcon />}
        />
      </InputGroupItem>
    </InputGroup>
  );
}
