import { describe, expect, it } from '@jest/globals';
import { ExposureRecorder } from './exposure-recorder.js';
import { aRoute, digestOf, FakeExposureLog } from './testing/index.js';

const AT = new Date('2026-01-01T00:00:00Z');
const asked = aRoute({ salt: 'digits-x', candidate: digestOf('candidate'), weight: 50, exposures: true });

describe('ExposureRecorder', () => {
  it('records each key once, as a hash, with the arm and the time it came first', async () => {
    const log = new FakeExposureLog();
    const recorder = new ExposureRecorder(log);
    for (const at of [AT, new Date(AT.getTime() + 1)]) recorder.note(asked, 'ann', 'candidate', at);
    await recorder.flush();
    recorder.note(asked, 'ann', 'candidate', new Date(AT.getTime() + 2));
    await recorder.flush();
    const [exposure, ...more] = log.exposures.values();
    expect(more).toEqual([]);
    expect(exposure).toMatchObject({ salt: 'digits-x', arm: 'candidate', at: AT });
    expect(exposure?.keyHash).toMatch(/^[0-9a-f]{32}$/);
  });

  it('records nothing that no route asks for', async () => {
    const log = new FakeExposureLog();
    const recorder = new ExposureRecorder(log);
    recorder.note({ ...asked, exposures: false }, 'ann', 'candidate', AT);
    recorder.note({ ...asked, candidate: null }, 'ann', 'stable', AT);
    recorder.note({ ...asked, confirmBy: new Date(AT.getTime() - 1) }, 'ann', 'stable', AT);
    await recorder.flush();
    expect(log.exposures.size).toBe(0);
  });

  it('says when a key came to both arms', async () => {
    const log = new FakeExposureLog();
    const recorder = new ExposureRecorder(log);
    recorder.note(asked, 'ann', 'candidate', AT);
    recorder.note(asked, 'ann', 'stable', AT);
    await recorder.flush();
    expect(await log.count('digits-x')).toEqual({ stable: 0, candidate: 1, crossed: 1 });
  });

  it('keeps what could not be written for the next time', async () => {
    const log = new FakeExposureLog();
    const recorder = new ExposureRecorder(log);
    recorder.note(asked, 'ann', 'candidate', AT);
    log.away = true;
    await expect(recorder.flush()).rejects.toThrow('away');
    log.away = false;
    await recorder.flush();
    expect(log.exposures.size).toBe(1);
  });
});
