import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import PlusIcon from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import { useState } from "react";
import { t } from "../../i18n";
import { useApp } from "../../state/app";

export function CreateMenu() {
  const { createForm } = useApp();
  const [open, setOpen] = useState(false);
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      popperProps={{ position: "end", appendTo: "inline" }}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          variant="primary"
          icon={<PlusIcon />}
          isExpanded={open}
          onClick={() => setOpen(!open)}
          aria-label={t("create")}
        >
          <span className="hf-wide-only">{t("create")}</span>
        </MenuToggle>
      )}
    >
      <DropdownList>
        <DropdownItem onClick={() => createForm.set("vm")}>{t("createVm.title")}</DropdownItem>
        <DropdownItem onClick={() => createForm.set("container")}>{t("createCt.title")}</DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}
