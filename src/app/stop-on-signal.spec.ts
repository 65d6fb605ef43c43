import { describe, expect, it } from '@jest/globals';
import { stopOnSignal } from './stop-on-signal.js';

describe('signals', () => {
  function running(close: () => Promise<void>) {
    const seen = { closed: 0, exits: [] as number[], ms: 0 };
    const onSignal = stopOnSignal({
      close: () => {
        seen.closed += 1;
        return close();
      },
      exit: (code) => seen.exits.push(code),
      now: () => seen.ms,
    });
    return { seen, onSignal };
  }

  it('a signal closes first and exits then', async () => {
    const { seen, onSignal } = running(() => Promise.resolve());
    expect(onSignal()).toBe('stopping');
    expect(seen).toMatchObject({ closed: 1, exits: [] });
    await new Promise(setImmediate);
    expect(seen.exits).toEqual([0]);
  });

  it('a failure to close is an exit code', async () => {
    const { seen, onSignal } = running(() => Promise.reject(new Error('no')));
    onSignal();
    await new Promise(setImmediate);
    expect(seen.exits).toEqual([1]);
  });

  it('the same Ctrl-C that comes twice, from the terminal and from the parent, does not cut the closing short', () => {
    const { seen, onSignal } = running(() => new Promise(() => undefined));
    onSignal();
    seen.ms = 20;
    expect(onSignal()).toBe('again');
    expect(seen).toMatchObject({ closed: 1, exits: [] });
  });

  it('a signal after a while ends at once', () => {
    const { seen, onSignal } = running(() => new Promise(() => undefined));
    onSignal();
    seen.ms = 1_000;
    expect(onSignal()).toBe('at once');
    expect(seen).toMatchObject({ closed: 1, exits: [130] });
  });
});
