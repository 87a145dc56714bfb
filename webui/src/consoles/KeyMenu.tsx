import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { useState } from "react";
import { t } from "../i18n";
import { type Combo, COMBOS } from "./keyCombos";

interface Props {
  isDisabled: boolean;
  onChoose: (combo: Combo) => void;
}

/** Keys to send that cannot be typed, because the browser or its system takes them. */
export function KeyMenu({ isDisabled, onChoose }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <Dropdown
      isOpen={open}
      isScrollable
      shouldFocusToggleOnSelect={false} // the console has the keyboard then
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      popperProps={{ appendTo: "inline" }}
      toggle={(ref) => (
        <MenuToggle ref={ref} size="sm" isExpanded={open} isDisabled={isDisabled} onClick={() => setOpen(!open)}>
          {t("console.sendKeys")}
        </MenuToggle>
      )}
    >
      <DropdownList>
        {COMBOS.map((combo) => (
          <DropdownItem key={combo} onClick={() => onChoose(combo)}>
            {combo}
          </DropdownItem>
        ))}
      </DropdownList>
    </Dropdown>
  );
}
