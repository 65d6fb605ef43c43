import { join } from 'node:path';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { parser } from '@prometheus-io/lezer-promql';
import { Ajv, type AnySchemaObject, type ValidateFunction } from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';
import type { ClassicDashboard } from '../../dashboards/page.js';

/** For each kind of panel that we use: Grafana's types of its options and of its field settings. */
const PANEL_TYPES: Readonly<Record<string, { readonly options: string; readonly fields?: string }>> = {
  stat: { options: 'StatOptions' },
  timeseries: { options: 'TimeseriesOptions', fields: 'TimeseriesFields' },
  'state-timeline': { options: 'TimelineOptions', fields: 'TimelineFields' },
  table: { options: 'TableOptions', fields: 'TableFields' },
};

/** Checks a document, its panels included, against JSON Schemas derived from Grafana's own types; the answers are its faults. */
export function dashboardSchema(): (document: ClassicDashboard) => string[] {
  const generator = createGenerator({
    path: join(import.meta.dirname, 'grafana-types.ts'),
    skipTypeCheck: true,
    additionalProperties: false,
  });
  const ajv = new Ajv({ allErrors: true, strict: false });
  const validators = new Map<string, ValidateFunction>();
  const faultsOf = (type: string, value: unknown, where: string): string[] => {
    const validate = validators.get(type) ?? ajv.compile(generator.createSchema(type) as AnySchemaObject);
    validators.set(type, validate);
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${where}${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
  return (document) => [
    ...faultsOf('ClassicDashboard', document, ''),
    ...panelsOf(document).flatMap((panel) => {
      const types = PANEL_TYPES[panel.type];
      if (types === undefined) return [`a panel of the unknown type ${panel.type}`];
      const { options = {}, fieldConfig, title = '' } = panel;
      return [
        ...faultsOf(types.options, options, `${title} options`),
        ...(types.fields === undefined
          ? []
          : faultsOf(types.fields, fieldConfig?.defaults.custom ?? {}, `${title} fields`)),
      ];
    }),
  ];
}

/** All panels but the headings. */
export function panelsOf(dashboard: ClassicDashboard): Panel[] {
  return (dashboard.panels ?? []).filter((panel): panel is Panel => panel.type !== 'row');
}

export function queriesOf(dashboard: ClassicDashboard): { readonly panel: string; readonly expr: string }[] {
  return panelsOf(dashboard).flatMap((panel) =>
    (panel.targets ?? []).map((target) => ({
      panel: panel.title ?? '',
      expr: (target as unknown as { expr: string }).expr,
    })),
  );
}

/** The query as Grafana would send it with everything chosen and a scrape every few seconds. */
export function withVariables(expr: string, rateInterval = '1m'): string {
  return expr.replaceAll('$__rate_interval', rateInterval).replaceAll('$model', '.*');
}

/** Where PromQL's own grammar finds an error. */
export function syntaxErrors(expr: string): string[] {
  const errors: string[] = [];
  parser.parse(expr).iterate({
    enter: (node) => {
      if (node.type.isError) errors.push(`at ${node.from}`);
    },
  });
  return errors;
}

/** Names of the metrics that an expression reads. */
export function metricsIn(expr: string): string[] {
  const names: string[] = [];
  parser.parse(expr).iterate({
    enter: (node) => {
      if (node.name !== 'VectorSelector') return;
      const identifier = node.node.getChild('Identifier');
      if (identifier !== null) names.push(expr.slice(identifier.from, identifier.to));
    },
  });
  return names;
}
