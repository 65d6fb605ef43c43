import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as statetimeline from '@grafana/grafana-foundation-sdk/statetimeline';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

/** One query of a panel and how its series are named. `expr` may use `$model` as a regular expression. */
export interface Query {
  readonly expr: string;
  readonly legend?: string;
}

export interface Panel {
  /** What an operator wants to know, as a question. */
  readonly title: string;
  /** What a good and a bad answer look like, and what to do. */
  readonly description: string;
  readonly queries: readonly Query[];
  /** A unit of Grafana: `percentunit`, `s`, `bytes`, `reqps`, `short`. */
  readonly unit: string;
  /** 1..24 columns; 8 when absent. */
  readonly width?: number;
  /** Rows of 30 pixels; 7 when absent. */
  readonly height?: number;
  readonly min?: number;
  readonly max?: number;
  /** From which value on which colour; from the lowest on. */
  readonly thresholds?: readonly { readonly from: number | null; readonly color: 'green' | 'yellow' | 'red' }[];
}

const DATASOURCE: common.DataSourceRef = { type: 'prometheus', uid: '${datasource}' };

interface PanelOf<Self> {
  title(title: string): Self;
  description(description: string): Self;
  datasource(datasource: common.DataSourceRef): Self;
  unit(unit: string): Self;
  span(width: number): Self;
  height(height: number): Self;
  min(min: number): Self;
  max(max: number): Self;
  noValue(text: string): Self;
  thresholds(thresholds: dashboard.ThresholdsConfigBuilder): Self;
  withTarget(target: prometheus.DataqueryBuilder): Self;
}

/** How something went over time. */
export function lines(panel: Panel): timeseries.PanelBuilder {
  return fill(new timeseries.PanelBuilder(), panel)
    .lineWidth(2)
    .fillOpacity(8)
    .spanNulls(false)
    .showPoints(common.VisibilityMode.Never)
    .legend(new common.VizLegendOptionsBuilder().showLegend(true).placement(common.LegendPlacement.Bottom));
}

/** How it stands now: one big number a series. */
export function now(panel: Panel): stat.PanelBuilder {
  return fill(new stat.PanelBuilder(), panel, { instant: true })
    .graphMode(common.BigValueGraphMode.None)
    .colorMode(common.BigValueColorMode.Value)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false));
}

/** Which state each of several things was in, over time. */
export function states(panel: Panel): statetimeline.PanelBuilder {
  return fill(new statetimeline.PanelBuilder(), panel)
    .mergeValues(true)
    .showValue(common.VisibilityMode.Never)
    .fillOpacity(80)
    .legend(new common.VizLegendOptionsBuilder().showLegend(true).placement(common.LegendPlacement.Bottom));
}

/** The newest value of each series as a row, its labels as columns. */
export function rows(panel: Panel, hidden: readonly string[] = []): table.PanelBuilder {
  const dropped = ['Time', '__name__', 'instance', 'job', ...hidden];
  return fill(new table.PanelBuilder(), panel, { instant: true, asTable: true })
    .showHeader(true)
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: Object.fromEntries(dropped.map((name) => [name, true])),
        indexByName: {},
        renameByName: {},
      },
    });
}

function fill<Builder extends PanelOf<Builder>>(
  builder: Builder,
  panel: Panel,
  { instant = false, asTable = false } = {},
): Builder {
  let filled = builder
    .title(panel.title)
    .description(panel.description)
    .datasource(DATASOURCE)
    .unit(panel.unit)
    .span(panel.width ?? 8)
    .height(panel.height ?? 7)
    .noValue('nothing yet');
  if (panel.min !== undefined) filled = filled.min(panel.min);
  if (panel.max !== undefined) filled = filled.max(panel.max);
  if (panel.thresholds !== undefined) {
    const steps = panel.thresholds.map(({ from, color }) => ({ value: from, color }));
    filled = filled.thresholds(
      new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps),
    );
  }
  panel.queries.forEach(({ expr, legend }, index) => {
    const query = new prometheus.DataqueryBuilder()
      .refId(String.fromCharCode('A'.charCodeAt(0) + index))
      .datasource(DATASOURCE)
      .expr(expr)
      .legendFormat(legend ?? '__auto');
    if (instant) query.instant();
    else query.range();
    if (asTable) query.format(prometheus.PromQueryFormat.Table);
    filled = filled.withTarget(query);
  });
  return filled;
}
