export const TEST_CREDENTIALS: { readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string };

/** Path style; every bucket is the test's own. */
export function openS3(): Promise<{ readonly endpoint: string; stop(): Promise<void> }>;
