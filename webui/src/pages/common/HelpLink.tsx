import { Button } from "@patternfly/react-core";
import HelpIcon from "@patternfly/react-icons/dist/esm/icons/outlined-question-circle-icon";
import { useLocation } from "react-router";
import { t } from "../../i18n";
import { helpAbout, helpOf, type Topic } from "../../state/help";

/** The host's own document about a topic, or about what is on view; beside the page, which stays as it is. */
export function HelpLink({ topic }: { topic?: Topic | undefined }) {
  const { pathname } = useLocation();
  return (
    <Button
      component="a"
      variant="plain"
      size="sm"
      icon={<HelpIcon />}
      href={topic ? helpAbout(topic) : helpOf(pathname)}
      target="_blank"
      rel="noopener"
      aria-label={t(topic ? "help.topic" : "help.view")}
    />
  );
}
