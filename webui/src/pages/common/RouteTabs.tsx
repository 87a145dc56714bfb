import { Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import { useNavigate } from "react-router";
import { t } from "../../i18n";

interface Props {
  tabs: readonly { key: string; label: string }[];
  active: string;
  urlOf: (key: string) => string;
}

/** Tabs whose choice is part of the address; the page shows the content. */
export function RouteTabs({ tabs, active, urlOf }: Props) {
  const navigate = useNavigate();
  return (
    <Tabs
      activeKey={active}
      onSelect={(event, key) => {
        event.preventDefault();
        void navigate(urlOf(String(key)));
      }}
      component="nav"
      aria-label={t("tabs.label")}
      usePageInsets
    >
      {tabs.map(({ key, label }) => (
        <Tab
          key={key}
          eventKey={key}
          href={`#${urlOf(key)}`}
          title={<TabTitleText>{label}</TabTitleText>}
          tabContentId="main"
        />
      ))}
    </Tabs>
  );
}
