import LockIcon from "@patternfly/react-icons/dist/esm/icons/lock-icon";
import { PageSection } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useCallback } from "react";
import { openShell } from "../../api/consoles";
import Terminal from "../../consoles/Terminal";
import { Empty } from "../../components/States";
import { t } from "../../i18n";
import { rightsQuery } from "../../state/queries";
import { Answer } from "../common/Answer";

const RIGHT = "Sys.Console";

/** A terminal on the host itself. */
export default function ShellTab({ node }: { node: string }) {
  const place = `/nodes/${node}`;
  const open = useCallback(() => openShell(node), [node]);
  return (
    <PageSection isFilled className="hf-console-section">
      <Answer query={useQuery(rightsQuery(place))}>
        {(rights) =>
          rights.has(RIGHT) ? (
            <Terminal open={open} choice={null} />
          ) : (
            <Empty icon={LockIcon} title={t("shell.denied")} text={t("shell.deniedText", { right: RIGHT, place })} />
          )
        }
      </Answer>
    </PageSection>
  );
}
