import {
  FormSelect,
  FormSelectOption,
  PageSection,
  Title,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { LogView } from "../../components/LogView";
import { Empty } from "../../components/States";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { journalQuery, servicesQuery } from "../../state/nodeQueries";
import { Answer } from "../common/Answer";

/** Warnings and worse, errors and worse (syslog's numbers); empty: everything. */
const PRIORITIES = ["", "4", "3"] as const;

/** The newest entries of the journal, which follow their end. */
export default function JournalTab({ node }: { node: string }) {
  const { queryClient } = useApp();
  const [unit, setUnit] = useState("");
  const [priority, setPriority] = useState("");
  const range = priority && `0..${priority}`;
  const journal = useQuery(journalQuery(queryClient, node, { unit, priority: range }));
  const services = useQuery(servicesQuery(node)).data ?? [];
  const units = services.filter(({ installed }) => installed).map((service) => `${service.unit}.service`);
  return (
    <PageSection isFilled className="hf-journal">
      <Toolbar inset={{ default: "insetNone" }} className="hf-list-toolbar">
        <ToolbarContent>
          <ToolbarItem className="hf-grow">
            <Title headingLevel="h2" size="lg">
              {t("journal.title")}
            </Title>
          </ToolbarItem>
          <ToolbarItem>
            <FormSelect aria-label={t("journal.unit")} value={unit} onChange={(_event, value) => setUnit(value)}>
              {["", ...units].map((name) => (
                <FormSelectOption key={name} value={name} label={name || t("journal.allUnits")} />
              ))}
            </FormSelect>
          </ToolbarItem>
          <ToolbarItem>
            <FormSelect
              aria-label={t("journal.priority")}
              value={priority}
              onChange={(_event, value) => setPriority(value)}
            >
              {PRIORITIES.map((name) => (
                <FormSelectOption key={name} value={name} label={t(`journal.priority.${name}`)} />
              ))}
            </FormSelect>
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      <Answer query={journal}>
        {({ lines }) =>
          lines.length === 0 ? (
            <Empty title={t("journal.none")} />
          ) : (
            <LogView lines={lines.map((text, n) => ({ n, text }))} label={t("journal.title")} />
          )
        }
      </Answer>
    </PageSection>
  );
}
