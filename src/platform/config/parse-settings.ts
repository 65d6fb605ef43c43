import { type Fault, InvalidInput } from '../../kernel/index.js';
import { type SettingsGroup, type SettingsOf, variableName } from './settings-group.js';

/** The values of every group, by the group's token. */
export interface ParsedSettings {
  readonly groups: readonly SettingsGroup[];
  of<Group extends SettingsGroup>(group: Group): SettingsOf<Group>;
}

/**
 * Reads every group from the environment; an empty variable counts as absent. A variable that starts like one of a
 * group's but names no setting is a fault too, because a misspelt setting that is silently ignored is worse than an error.
 * @throws InvalidInput with the faults of all groups together
 */
export function parseSettings(
  groups: readonly SettingsGroup[],
  env: Readonly<Record<string, string | undefined>>,
): ParsedSettings {
  const values = new Map<symbol, unknown>();
  const faults: Fault[] = unknownVariables(groups, env);
  for (const group of groups) {
    const parsed = group.schema.safeParse(readGroup(group, env));
    if (parsed.success) {
      values.set(group.token, deepFreeze(parsed.data));
      continue;
    }
    for (const issue of parsed.error.issues) {
      faults.push({ path: variableName(group.name, String(issue.path[0] ?? '')), message: issue.message });
    }
  }
  if (faults.length > 0) throw new InvalidInput('The configuration', faults);
  return {
    groups,
    of<Group extends SettingsGroup>(group: Group): SettingsOf<Group> {
      if (!values.has(group.token)) throw new TypeError(`The settings group "${group.name}" was not parsed.`);
      return values.get(group.token) as SettingsOf<Group>;
    },
  };
}

function readGroup(group: SettingsGroup, env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const raw: Record<string, string> = {};
  for (const key of Object.keys(group.schema.shape)) {
    const value = env[variableName(group.name, key)];
    if (value !== undefined && value !== '') raw[key] = value;
  }
  return raw;
}

function unknownVariables(
  groups: readonly SettingsGroup[],
  env: Readonly<Record<string, string | undefined>>,
): Fault[] {
  const known = new Set(
    groups.flatMap((group) => Object.keys(group.schema.shape).map((key) => variableName(group.name, key))),
  );
  const prefixes = groups.map((group) => variableName(group.name, ''));
  return Object.keys(env)
    .filter((name) => prefixes.some((prefix) => name.startsWith(prefix)) && !known.has(name))
    .map((name) => ({ path: name, message: 'There is no such setting.' }));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
