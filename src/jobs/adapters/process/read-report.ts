import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { BrokenReport } from '../../domain/errors.js';
import type { ReportedArtifact, RunnerReport } from '../../domain/report.js';
import { type AttemptFolder, parseJson } from './attempt-folder.js';
import { openPlain } from './bounded-files.js';
import { reportSchema } from './report-schema.js';

export const MOST_REPORT_BYTES = 4 * 1024 * 1024;
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

/** @throws BrokenReport */
export async function readReport(folder: AttemptFolder): Promise<RunnerReport> {
  const handle = await openPlain(join(folder.output, 'report.json'));
  if (handle === null) throw new BrokenReport(folder.name, 'there is no report.json');
  if (handle === 'not a plain file') throw new BrokenReport(folder.name, 'report.json is no plain file');
  try {
    const { size } = await handle.stat();
    if (size > MOST_REPORT_BYTES) throw new BrokenReport(folder.name, `report.json has ${size} bytes`);
    return parseReport(folder.name, await handle.readFile('utf8'));
  } finally {
    await handle.close();
  }
}

/** @throws BrokenReport */
export function parseReport(attempt: string, text: string): RunnerReport {
  const content = parseJson(text);
  if (content === undefined) throw new BrokenReport(attempt, 'report.json is no JSON');
  const parsed = reportSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new BrokenReport(attempt, `report.json has ${faults.length} faults: ${faults.slice(0, 10).join('; ')}`);
}

/**
 * The path of a file that a report names, after its bytes were found to be what the report says.
 * @throws BrokenReport
 */
export async function verifiedOutput(folder: AttemptFolder, artifact: ReportedArtifact): Promise<string> {
  const broken = (reason: string) => new BrokenReport(folder.name, reason);
  if (!PLAIN_NAME.test(artifact.file)) throw broken(`"${artifact.file}" is no name of a file beside the report`);
  const path = join(folder.output, artifact.file);
  const handle = await openPlain(path);
  if (handle === null) throw broken(`${artifact.file} is not there`);
  if (handle === 'not a plain file') throw broken(`${artifact.file} is a link or no plain file`);
  const hash = createHash('sha256');
  let bytes = 0;
  // The stream closes the handle, whether it ends or fails.
  for await (const chunk of handle.createReadStream() as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  if (bytes !== artifact.sizeBytes)
    throw broken(`${artifact.file} has ${bytes} bytes, the report says ${artifact.sizeBytes}`);
  const digest = `sha256:${hash.digest('hex')}`;
  if (digest !== artifact.digest) throw broken(`${artifact.file} is ${digest}, the report says ${artifact.digest}`);
  return path;
}
