/** A text as a PromQL string literal; nothing in it can end the literal. */
export function quoted(text: string): string {
  return `"${escaped(text, '"')}"`;
}

/**
 * A text as it stands within a PromQL string literal between `quote`s: backslash, quote and everything that a line or an
 * encoding could break on as escapes.
 */
export function escaped(text: string, quote: '"' | "'"): string {
  return text.replaceAll(/[\\"'\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    if (/\p{Cs}/u.test(character)) return '\ufffd'; // half a surrogate pair is no character
    if (character === '\\') return '\\\\';
    if (character === quote) return `\\${quote}`;
    if (character === '"' || character === "'") return character;
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** A text as a regular expression (RE2) that matches exactly it. */
export function literalPattern(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}
