import * as cog from '@grafana/grafana-foundation-sdk/cog';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';

/**
 * The classic form of a dashboard. The SDK prefers the newer one, but that is what a Grafana of any age reads from a provisioned
 * file.
 */
// eslint-disable-next-line @typescript-eslint/no-deprecated
export type ClassicDashboard = dashboard.Dashboard;

/** A heading with the panels below it. */
export interface Section {
  readonly heading: string;
  readonly panels: readonly cog.Builder<dashboard.Panel>[];
}

/** What all our dashboards have in common. `uid` is the file's name and stays, so that links to it live on. */
export function page(
  { uid, title, description }: { readonly uid: string; readonly title: string; readonly description: string },
  sections: readonly Section[],
): ClassicDashboard {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the classic form, see above
  const builder = new dashboard.DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['ratchet'])
    .refresh('10s')
    .time({ from: 'now-1h', to: 'now' })
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .readonly()
    .withVariable(new dashboard.DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
    .withVariable(
      new dashboard.QueryVariableBuilder('model')
        .label('Model')
        .datasource({ type: 'prometheus', uid: '${datasource}' })
        .query('label_values(ratchet_serving_answers_total, model)')
        .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
        .sort(dashboard.VariableSort.AlphabeticalAsc)
        .multi(true)
        .includeAll(true)
        .allValue('.*')
        .current({ selected: true, text: 'All', value: '$__all' }),
    )
    .link(
      new dashboard.DashboardLinkBuilder('Ratchet')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(['ratchet'])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    );
  for (const { heading, panels } of sections) {
    builder.withRow(new dashboard.RowBuilder(heading));
    for (const panel of panels) builder.withPanel(panel);
  }
  return plain(builder.build());
}

/** The builders fill in keys that Grafana's own types do not know: an interval's `auto…` on other variables, a table's footer. */
const UNKNOWN = new Set(['auto', 'auto_min', 'auto_count', 'footer']);

function plain(built: ClassicDashboard): ClassicDashboard {
  return JSON.parse(
    JSON.stringify(built, (key, value: unknown) => (UNKNOWN.has(key) ? undefined : value)),
  ) as ClassicDashboard;
}
