import { Divider, Dropdown, DropdownGroup, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import UserIcon from "@patternfly/react-icons/dist/esm/icons/user-icon";
import { useState } from "react";
import { useNavigate } from "react-router";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { DOCUMENTS } from "../../state/help";
import { canChangePassword } from "../../state/ownPassword";
import { useStore } from "../../state/store";
import { THEMES } from "../../state/theme";
import { urls } from "../urls";

/** How the page looks; who is logged in, with what belongs to the account; log-out. */
export function UserMenu() {
  const { session, theme, accountDialog } = useApp();
  const state = useStore(session);
  const chosen = useStore(theme);
  const navigate = useNavigate();
  const [open, setOpen] = useState(false);
  const user = state.status === "active" ? state.user : "";
  const logOut = () => {
    accountDialog.set(null);
    void navigate(urls.datacenter); // the next user starts at the top, not where this one was
    session.logOut();
  };
  const show = (dialog: "password" | "factors") => {
    setOpen(false);
    accountDialog.set(dialog);
  };
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      popperProps={{ position: "end", appendTo: "inline" }}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          icon={<UserIcon />}
          isExpanded={open}
          onClick={() => setOpen(!open)}
          aria-label={t("user.menu", { user })}
        >
          <span className="hf-wide-only">{user}</span>
        </MenuToggle>
      )}
    >
      <DropdownGroup label={t("theme.label")} labelHeadingLevel="h2">
        <DropdownList>
          {THEMES.map((name) => (
            <DropdownItem key={name} isSelected={chosen === name} onClick={() => theme.set(name)}>
              {t(`theme.${name}`)}
            </DropdownItem>
          ))}
        </DropdownList>
      </DropdownGroup>
      <Divider />
      <DropdownGroup label={user} labelHeadingLevel="h2">
        <DropdownList>
          {canChangePassword(user) && (
            <DropdownItem onClick={() => show("password")}>{t("account.password")}</DropdownItem>
          )}
          <DropdownItem onClick={() => show("factors")}>{t("account.factors")}</DropdownItem>
          <DropdownItem to={DOCUMENTS} isExternalLink>
            {t("help.documents")}
          </DropdownItem>
          <DropdownItem to="/api-viewer/" isExternalLink>
            {t("help.api")}
          </DropdownItem>
          <DropdownItem onClick={logOut}>{t("logout")}</DropdownItem>
        </DropdownList>
      </DropdownGroup>
    </Dropdown>
  );
}
