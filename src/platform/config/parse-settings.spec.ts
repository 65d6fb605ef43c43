import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { type Fault, InvalidInput } from '../../kernel/index.js';
import { parseSettings } from './parse-settings.js';
import { settingsGroup, variableName } from './settings-group.js';
import { settingsReference } from './settings-reference.js';

const barn = settingsGroup(
  'barn',
  z.object({
    sheepCount: z.coerce.number().int().min(1).default(3).describe('How many sheep | goats.'),
    door: z.enum(['open', 'shut']).default('shut').describe('State of the door.'),
    owner: z.string().optional().describe('Who owns it.'),
  }),
);
const field = settingsGroup('field', z.object({ hectares: z.coerce.number().positive().describe('Its size.') }));

function faultsOf(env: Record<string, string>): readonly Fault[] {
  try {
    parseSettings([barn, field], env);
    return [];
  } catch (error) {
    if (error instanceof InvalidInput) return error.faults;
    throw error;
  }
}

describe('the configuration', () => {
  it.each([
    ['models', 'artifactFolder', 'RATCHET_MODELS_ARTIFACT_FOLDER'],
    ['http', 'port', 'RATCHET_HTTP_PORT'],
    ['serving', 'p95Ms', 'RATCHET_SERVING_P95_MS'],
  ])('reads %s.%s from %s', (group, key, variable) => {
    expect(variableName(group, key)).toBe(variable);
  });

  it('fills in defaults, converts and freezes', () => {
    const settings = parseSettings([barn, field], {
      RATCHET_FIELD_HECTARES: '2.5',
      RATCHET_BARN_SHEEP_COUNT: '',
      HOME: '/x',
    });
    expect(settings.of(barn)).toEqual({ sheepCount: 3, door: 'shut' });
    expect(settings.of(field).hectares).toBe(2.5);
    expect(Object.isFrozen(settings.of(barn))).toBe(true);
  });

  it('reports the faults of all groups together', () => {
    const faults = faultsOf({
      RATCHET_BARN_SHEEP_COUNT: 'many',
      RATCHET_BARN_DOOR: 'ajar',
      RATCHET_BARN_DOORS: 'shut',
    });
    expect(faults.map((fault) => fault.path).sort()).toEqual([
      'RATCHET_BARN_DOOR',
      'RATCHET_BARN_DOORS',
      'RATCHET_BARN_SHEEP_COUNT',
      'RATCHET_FIELD_HECTARES',
    ]);
  });

  it('documents every setting with its default', () => {
    const text = settingsReference([field, barn]);
    expect(text).toContain('| `RATCHET_BARN_SHEEP_COUNT` | `3` | How many sheep \\| goats. |');
    expect(text).toContain('| `RATCHET_BARN_DOOR` | `shut` | State of the door. One of `open`, `shut`. |');
    expect(text).toContain('| `RATCHET_BARN_OWNER` | – | Who owns it. |');
    expect(text).toContain('| `RATCHET_FIELD_HECTARES` | **required** | Its size. |');
    expect(text.indexOf('## barn')).toBeLessThan(text.indexOf('## field'));
  });
});
