export interface LintResult {
  readonly unexplained: readonly string[];
  readonly unused: readonly string[];
  readonly passed: number;
  readonly explained: number;
}
export function lint(options?: { readonly checkov?: string | null }): Promise<LintResult>;
