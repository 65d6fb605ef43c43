import { describe, expect, it } from '@jest/globals';
import { UuidIds } from './index.js';

describe('UuidIds', () => {
  it('makes distinct version 7 UUIDs whose first 48 bits are the time', () => {
    const ids = new UuidIds();
    const before = Date.now();
    const made = Array.from({ length: 1000 }, () => ids.next());
    expect(new Set(made).size).toBe(1000);
    for (const id of made) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(parseInt(id.replace('-', '').slice(0, 12), 16)).toBeGreaterThanOrEqual(before);
    }
  });
});
