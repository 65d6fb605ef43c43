import { z } from 'zod';
import { type SettingsGroup, variableName } from './settings-group.js';

interface PropertySchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly PropertySchema[];
  readonly default?: unknown;
  readonly description?: string;
}

/** The text of docs/configuration.md: every setting of every group with its default and description. */
export function settingsReference(groups: readonly SettingsGroup[]): string {
  const sections = [...groups].sort((a, b) => (a.name < b.name ? -1 : 1)).map(section);
  return [
    '# Configuration',
    '',
    'Every setting is an environment variable, read once at the start; all faults are reported together. What differs',
    'from model to model is not here but in the model document. This file is generated from the settings themselves.',
    '',
    ...sections,
  ].join('\n');
}

function section(group: SettingsGroup): string {
  const document = z.toJSONSchema(group.schema, { io: 'input', unrepresentable: 'any' });
  const properties = (document.properties ?? {}) as Record<string, PropertySchema>;
  const required = new Set(document.required ?? []);
  const rows = Object.entries(properties).map(([key, property]) => {
    const fallback =
      'default' in property ? `\`${display(property.default)}\`` : required.has(key) ? '**required**' : '–';
    return `| \`${variableName(group.name, key)}\` | ${fallback} | ${cell(property)} |`;
  });
  return [`## ${group.name}`, '', '| variable | default | what it is |', '| --- | --- | --- |', ...rows, ''].join('\n');
}

function cell(property: PropertySchema): string {
  const choices = property.enum ? ` One of ${property.enum.map((value) => `\`${String(value)}\``).join(', ')}.` : '';
  return `${(property.description ?? '').replaceAll('|', '\\|')}${choices}`;
}

function display(value: unknown): string {
  return typeof value === 'string' ? value || '(empty)' : JSON.stringify(value);
}
