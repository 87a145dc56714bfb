import {
  Card,
  CardBody,
  CardTitle,
  Grid,
  GridItem,
  Title,
  ToggleGroup,
  ToggleGroupItem,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { FRAMES, type HistoryOf } from "../../api/history";
import { Empty, Failed, Loading } from "../../components/States";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { errorText } from "../../state/errorText";
import { axisMark, dateTime } from "../../state/format";
import { axisSteps, type GraphData, graphsOf, inWords, summary } from "../../state/graphs";
import { historyQuery } from "../../state/queries";
import { useStore } from "../../state/store";

const Graph = lazy(() => import("../../components/Graph"));

/** What was recorded of something, over a time frame that stays chosen from page to page. */
export function HistoryGraphs({ of }: { of: HistoryOf }) {
  const app = useApp();
  const frame = useStore(app.frame);
  const { data, error, refetch } = useQuery(historyQuery(of, frame));
  const graphs = useMemo(() => data && graphsOf(of.kind, data), [data, of.kind]);
  return (
    <section aria-labelledby="history-title">
      <Toolbar inset={{ default: "insetNone" }} className="hf-list-toolbar">
        <ToolbarContent>
          <ToolbarItem className="hf-grow">
            <Title headingLevel="h2" size="lg" id="history-title">
              {t("graph.title")}
            </Title>
          </ToolbarItem>
          <ToolbarItem>
            <ToggleGroup isCompact aria-label={t("graph.frame")}>
              {FRAMES.map((name) => (
                <ToggleGroupItem
                  key={name}
                  text={t(`frame.${name}`)}
                  isSelected={frame === name}
                  onChange={() => app.frame.set(name)}
                />
              ))}
            </ToggleGroup>
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      {!graphs ? (
        error ? (
          <Failed text={errorText(error)} onRetry={() => void refetch()} />
        ) : (
          <Loading />
        )
      ) : graphs.every(({ lines }) => lines.length === 0) ? (
        <Empty title={t("graph.none")} text={t("graph.noneText")} />
      ) : (
        <Grid hasGutter>
          {graphs.map((graph) => (
            <GridItem key={graph.title} span={12} xl={6}>
              <Card isCompact isFullHeight>
                <CardTitle component="h3">{graph.title}</CardTitle>
                <CardBody>
                  <OneGraph graph={graph} />
                </CardBody>
              </Card>
            </GridItem>
          ))}
        </Grid>
      )}
    </section>
  );
}

function OneGraph({ graph }: { graph: GraphData }) {
  const isDark = useStore(useApp().theme.dark);
  const { times, lines, unit } = graph;
  if (lines.length === 0) return <p className="hf-subtle hf-graph-none">{t("graph.noneOfThis")}</p>;
  const spanS = (times.at(-1) ?? 0) - (times[0] ?? 0);
  return (
    <Suspense fallback={<div className="hf-graph" />}>
      <Graph
        key={String(isDark)}
        label={summary(graph)}
        times={times}
        lines={lines}
        group="history"
        steps={axisSteps(unit)}
        valueText={(value) => inWords(unit, value)}
        markText={(seconds) => axisMark(seconds, spanS)}
        momentText={dateTime}
        timeLabel={t("graph.time")}
      />
    </Suspense>
  );
}
