/** A WordPiece vocabulary: the token's number is its line. */
export type Vocabulary = ReadonlyMap<string, number>;

/** Longer words are unknown, as in the original. */
const LONGEST_WORD = 100;
const SPECIAL = { unknown: '[UNK]', begin: '[CLS]', end: '[SEP]' } as const;

/** Reads a vocabulary file, one token a line. @throws RangeError when a token that every encoder needs is missing */
export function readVocabulary(text: string): Vocabulary {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  const vocabulary = new Map(lines.map((token, i) => [token, i]));
  for (const token of Object.values(SPECIAL))
    if (!vocabulary.has(token)) throw new RangeError(`the vocabulary has no ${token}`);
  return vocabulary;
}

/**
 * Token numbers of a text as an uncased BERT reads it (Devlin et al. 2019): cleaned, lower case, accents stripped, cut at
 * spaces and punctuation, ideographs on their own, then greedily into the longest pieces. Begins with [CLS] and ends with
 * [SEP]; at most `most` tokens with both.
 */
export function tokenize(text: string, vocabulary: Vocabulary, most: number): number[] {
  const tokens: number[] = [];
  for (const word of words(text)) {
    if (tokens.length >= most - 2) break;
    tokens.push(...pieces(word, vocabulary));
  }
  return [vocabulary.get(SPECIAL.begin)!, ...tokens.slice(0, Math.max(0, most - 2)), vocabulary.get(SPECIAL.end)!];
}

function words(text: string): string[] {
  const cleaned = text
    .replace(/[\t\n\r]/g, ' ')
    .replace(/\0|\ufffd|\p{Cc}|\p{Cf}/gu, '')
    .replace(/[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2fa1f}]/gu, ' $& ')
    .toLowerCase()
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '');
  return cleaned
    .replace(/\p{P}|[$+<=>^`|~]/gu, ' $& ')
    .split(/\s+/u)
    .filter((word) => word !== '');
}

function pieces(word: string, vocabulary: Vocabulary): number[] {
  const letters = Array.from(word);
  const unknown = vocabulary.get(SPECIAL.unknown)!;
  if (letters.length > LONGEST_WORD) return [unknown];
  const found: number[] = [];
  for (let from = 0; from < letters.length;) {
    let until = letters.length;
    let piece: number | undefined;
    for (; until > from; until -= 1) {
      piece = vocabulary.get(`${from > 0 ? '##' : ''}${letters.slice(from, until).join('')}`);
      if (piece !== undefined) break;
    }
    if (piece === undefined) return [unknown];
    found.push(piece);
    from = until;
  }
  return found;
}
