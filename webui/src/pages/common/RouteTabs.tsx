import { Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import { useEffect, useRef } from "react";
import { useNavigate } from "react-router";
import { t } from "../../i18n";

interface Props {
  tabs: readonly { key: string; label: string }[];
  active: string;
  urlOf: (key: string) => string;
  /** They stand below other tabs. */
  isSecondary?: boolean;
}

/** Tabs whose choice is part of the address; the page shows the content. */
export function RouteTabs({ tabs, active, urlOf, isSecondary = false }: Props) {
  const navigate = useNavigate();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // On a phone the tabs are longer than the page is wide. Not scrollIntoView: the Tab key would begin there.
    const shown = box.current?.querySelector<HTMLElement>(".pf-m-current");
    const list = shown?.closest("ul");
    if (shown && list) list.scrollLeft = shown.offsetLeft - (list.clientWidth - shown.offsetWidth) / 2;
  }, [active]);
  return (
    <div ref={box}>
      <Tabs
        activeKey={active}
        onSelect={(event, key) => {
          event.preventDefault();
          void navigate(urlOf(String(key)));
        }}
        component="nav"
        aria-label={t(isSecondary ? "tabs.secondary" : "tabs.label")}
        usePageInsets={!isSecondary}
        isSubtab={isSecondary}
        className={isSecondary ? "hf-subtabs" : ""}
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
    </div>
  );
}
