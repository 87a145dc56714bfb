import { useQuery } from "@tanstack/react-query";
import { t, tn } from "../../i18n";
import { updatesQuery } from "../../state/nodeQueries";
import { Answer } from "../common/Answer";
import { urls } from "../urls";
import { Next, Step } from "./Step";

const COMMAND = "apt full-upgrade";

export function UpdatesStep({ node }: { node: string }) {
  return (
    <Step title={t("welcome.updates")} text={t("welcome.updatesText")}>
      <Answer query={useQuery(updatesQuery(node))}>{({ length }) => <Found node={node} known={length} />}</Answer>
    </Step>
  );
}

function Found({ node, known }: { node: string; known: number }) {
  return (
    <>
      <p>{known > 0 ? tn("welcome.updatesKnown", known) : t("welcome.updatesNone")}</p>
      <Next
        text={known > 0 ? t("welcome.useUpdates", { command: COMMAND }) : t("welcome.refreshUpdates")}
        links={[{ label: t("welcome.toUpdates", { node }), to: urls.node(node, "updates") }]}
      />
    </>
  );
}
