import { describe, expect, it } from '@jest/globals';
import { digestOf, documentAbout } from '../../testing/attempts.js';
import { inputsOf, withoutPaths } from './input-files.js';

const [reference, champion, train] = ['a', 'b', 'c'].map((text) => digestOf(Buffer.from(text))) as [
  ReturnType<typeof digestOf>,
  ReturnType<typeof digestOf>,
  ReturnType<typeof digestOf>,
];
const DOCUMENT = documentAbout({ reference, champion, train });

describe('the files of a job document', () => {
  it('are all that an attempt may read', () => {
    expect(inputsOf(DOCUMENT)).toEqual(new Set([reference, champion, train]));
    expect(inputsOf({ ...DOCUMENT, seed: 1, parameters: { digest: digestOf(Buffer.from('other')) } }).size).toBe(3);
    expect(inputsOf(null)).toEqual(new Set());
  });

  it('have no path of this machine once the document leaves it', () => {
    const sent = withoutPaths(DOCUMENT);
    expect(JSON.stringify(sent)).not.toContain('/home/');
    expect(sent).toMatchObject({ artifacts: { champion: { path: `inputs/${champion.slice(7)}`, digest: champion } } });
    expect(inputsOf(sent)).toEqual(inputsOf(DOCUMENT));
    expect({ ...sent, artifacts: 0, data: 0 }).toEqual({ ...DOCUMENT, artifacts: 0, data: 0 });
  });
});
