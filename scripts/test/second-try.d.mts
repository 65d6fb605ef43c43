export interface TestResult {
  readonly fullName: string;
  readonly status: string;
  readonly failureMessages: readonly string[];
}

export interface FileResult {
  /** The spec file's path. */
  readonly name: string;
  readonly status: 'passed' | 'failed';
  readonly message: string;
  readonly assertionResults: readonly TestResult[];
}

export interface Report {
  readonly testResults: readonly FileResult[];
}

export interface CountedReport extends Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

export function worthASecondTry(report: Report, root?: string): string[];
export function withSecondTry(
  first: Report,
  second: Report,
  root?: string,
): { readonly report: CountedReport; readonly notes: readonly string[] };
