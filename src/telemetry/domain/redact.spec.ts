import { describe, expect, it } from '@jest/globals';
import { aModel, admitted, anEvent, T0 } from '../testing/index.js';
import { viewOf } from './admit.js';
import type { DeadLetter } from './dead-letter.js';
import { redactEvent, redactionOf, redactLetter, redacts } from './redact.js';

const spec = { columns: ['a', 'b', 'c', 'd'], redact: ['b', 'std'], sampling: true };

describe('redactEvent', () => {
  it('takes named features out and sets named columns of the input to zero, in a copy', () => {
    const event = anEvent(5, { features: { mean: 1, std: 2, b: 3 } });
    const redacted = redactEvent(event, redactionOf(spec));
    expect(redacted.features).toEqual({ mean: 1 });
    expect(redacted.input).toEqual(Float32Array.of(5, 0, 2, 3));
    expect(event.input).toEqual(Float32Array.of(5, 1, 2, 3));
  });

  it('takes the whole input when none may be kept, and gives an event back as it is when nothing has to go', () => {
    const event = anEvent(5);
    expect(redactEvent(event, redactionOf({ ...spec, sampling: false })).input).toBeNull();
    const nothing = redactionOf({ columns: [], redact: [], sampling: true });
    expect(redacts(nothing)).toBe(false);
    expect(redactEvent(event, nothing)).toBe(event);
  });

  it('happens at admission, before anything can be counted or kept', () => {
    const view = viewOf(aModel('toy', spec));
    expect(view.features).toEqual(['mean']);
    expect(admitted(anEvent(1), T0, view).event).toMatchObject({ features: { mean: 0.01 } });
    expect(admitted(anEvent(1), T0, view).event.input).toEqual(Float32Array.of(1, 0, 2, 3));
  });
});

describe('redactLetter', () => {
  const letterOf = (body: string, model: string | null, headers?: Record<string, string>): DeadLetter => {
    const head = new TextEncoder().encode(body);
    const place = { topic: 't', partition: 0, offset: 1, at: T0, reason: { class: 'field', detail: 'x' } } as const;
    return { ...place, model, head, sizeBytes: head.length, sha256: 'sha256:0', ...(headers ? { headers } : {}) };
  };
  const text = ({ head }: DeadLetter): string => new TextDecoder().decode(head);
  const known = new Set(['open', 'closed']);
  const redacting = new Set(['closed']);
  const body = JSON.stringify({
    requestId: 'r1',
    model: 'closed',
    at: 5,
    features: { b: 77 },
    input: [77],
    padding: 'x'.repeat(90),
  });

  it.each([
    ['nobody redacts', 'closed', new Set<string>()],
    ['its model exists and does not redact', 'open', redacting],
  ])('keeps a letter as it is when %s', (_, model, names) => {
    const letter = letterOf(body, model);
    expect(redactLetter(letter, known, names)).toBe(letter);
  });

  it.each([
    ['its model redacts', 'closed'],
    ['its model does not exist', 'nobody'],
    ['nobody can say whose it is', null],
  ])('keeps only what names the event when %s', (_, model) => {
    const letter = redactLetter(letterOf(body, model), known, redacting);
    expect(JSON.parse(text(letter))).toEqual({
      withheld: 'a model redacts fields',
      requestId: 'r1',
      model: 'closed',
      at: 5,
    });
    expect(letter).toMatchObject({ sizeBytes: body.length, sha256: 'sha256:0' });
  });

  it('keeps nothing of a body that cannot be read, and no identity that is a structure', () => {
    expect(
      text(redactLetter(letterOf(`{"features": {"b": 77}, broken${' '.repeat(99)}`, null), known, redacting)),
    ).not.toContain('77');
    const nested = JSON.stringify({ requestId: { b: 77 }, model: [77], padding: 'x'.repeat(90) });
    expect(text(redactLetter(letterOf(nested, null), known, redacting))).not.toContain('77');
  });

  it('never leaves what could be taken for the whole body', () => {
    const letter = redactLetter(letterOf('77', null), known, redacting);
    expect(letter.head.length).toBeLessThan(letter.sizeBytes);
    expect(text(letter)).not.toContain('77');
  });

  it('keeps the headers that name an event, and no others', () => {
    const headers = { 'content-type': 'x', ce_id: '1', ce_b: '77', authorization: '77' };
    expect(redactLetter(letterOf(body, null, headers), known, redacting).headers).toEqual({
      'content-type': 'x',
      ce_id: '1',
    });
  });
});
