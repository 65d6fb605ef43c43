import type { z } from 'zod';

/** One part's settings: its zod object and the token under which the parsed values are injected. */
export interface SettingsGroup<Schema extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly schema: Schema;
  readonly token: symbol;
}

/** The parsed, frozen values of a group: `@Inject(servingSettings.token) settings: SettingsOf<typeof servingSettings>`. */
export type SettingsOf<Group extends SettingsGroup> = Readonly<z.output<Group['schema']>>;

/** Declares a group; `name` is the stage or platform part, and the second word of its environment variables. */
export function settingsGroup<Schema extends z.ZodObject>(name: string, schema: Schema): SettingsGroup<Schema> {
  return { name, schema, token: Symbol(`settings:${name}`) };
}

/** `RATCHET_<GROUP>_<KEY>` with the key's capitals split: `('models', 'artifactFolder')` → `RATCHET_MODELS_ARTIFACT_FOLDER`. */
export function variableName(group: string, key: string): string {
  return `RATCHET_${snake(group)}_${snake(key)}`;
}

function snake(camelOrKebab: string): string {
  return camelOrKebab
    .replaceAll('-', '_')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase();
}
