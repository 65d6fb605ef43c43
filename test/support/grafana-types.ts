// Read by ts-json-schema-generator: Grafana's own types of what a dashboard file holds. Options and field settings may be left out.
import type * as dashboard from '../../node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen.js';
import type * as stat from '../../node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen.js';
import type * as timeline from '../../node_modules/@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen.js';
import type * as table from '../../node_modules/@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen.js';
import type * as timeseries from '../../node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen.js';

export type ClassicDashboard = dashboard.Dashboard;
export type StatOptions = Partial<stat.Options>;
export type TimelineOptions = Partial<timeline.Options>;
export type TimelineFields = Partial<timeline.FieldConfig>;
// eslint-disable-next-line @typescript-eslint/no-deprecated -- what it recommends is the same type by another way
export type TableOptions = Partial<table.Options>;
export type TableFields = Partial<table.FieldConfig>;
export type TimeseriesOptions = Partial<timeseries.Options>;
export type TimeseriesFields = Partial<timeseries.FieldConfig>;
