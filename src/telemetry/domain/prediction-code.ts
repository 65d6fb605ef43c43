/** Groups that the classes without a count of their own are spread over, so that a shift among them is still seen. */
export const OTHER_GROUPS = 64;

/**
 * A counted prediction as one whole number: a class (or a regression's bin) is twice itself, a group of other classes twice
 * itself plus one.
 */
export function classCode(value: number): number {
  return value * 2;
}

/** The group of a class that is not counted by itself: the remainder of its number. */
export function otherCode(value: number): number {
  return (value % OTHER_GROUPS) * 2 + 1;
}

/** The name in a window: `7` or `other:7`. */
export function nameOfCode(code: number): string {
  return code % 2 === 0 ? String(code / 2) : `other:${(code - 1) / 2}`;
}

/** The code of a window's name; null when it is none. */
export function codeOfName(name: string): number | null {
  const [, other, digits] = /^(other:)?(\d{1,15})$/.exec(name) ?? [];
  return digits === undefined ? null : Number(digits) * 2 + (other === undefined ? 0 : 1);
}
