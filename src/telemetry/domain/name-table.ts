/** Feature names as arrays that are the same object whenever the names are the same; bounded. */
export class NameTable {
  private readonly known = new Map<string, readonly string[]>();

  constructor(private readonly limit = 4096) {}

  /** The array for these names; NUL cannot occur in them. */
  of(names: readonly string[]): readonly string[] {
    const key = names.join('\0');
    const known = this.known.get(key);
    if (known !== undefined) return known;
    if (this.known.size >= this.limit) this.known.clear();
    const copy = [...names];
    this.known.set(key, copy);
    return copy;
  }
}
