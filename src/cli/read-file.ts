import { readFile, stat } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { EXIT, Failure } from './failure.js';

/** More than any document of ours; YAML of a megabyte is a mistake or an attack. */
const MAX_DOCUMENT_BYTES = 256 * 1024;

/** The documents of a YAML or JSON file. Aliases are refused: a few lines of them can stand for gigabytes. */
export async function readDocuments(path: string, maxBytes = MAX_DOCUMENT_BYTES): Promise<unknown[]> {
  const file = await stat(path).catch((error: unknown) => {
    throw cannotRead(path, error);
  });
  if (file.isDirectory()) throw new Failure(`${path} is a folder; name a file in it.`, EXIT.usage);
  const { size } = file;
  if (size > maxBytes) throw new Failure(`${path} has ${size} bytes; a document has at most ${maxBytes}.`, EXIT.usage);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw cannotRead(path, error);
  });
  if (path.endsWith('.json')) return [parseJson(path, text)];
  const documents = parseAllDocuments(text, { schema: 'core', version: '1.2' });
  if (!Array.isArray(documents) || documents.length === 0) throw new Failure(`${path} is empty.`, EXIT.usage);
  return documents.map((document) => {
    const problem = document.errors[0];
    if (problem) throw new Failure(`${path} is no YAML: ${problem.message.split('\n', 1)[0] ?? ''}`, EXIT.usage);
    try {
      return document.toJS({ maxAliasCount: 0 }) as unknown;
    } catch (error) {
      throw new Failure(`${path}: ${(error as Error).message}`, EXIT.usage);
    }
  });
}

/** Labels come by the ten thousand; the YAML parser would take minutes for what this one does in milliseconds. */
function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Failure(`${path} is no JSON: ${(error as Error).message}`, EXIT.usage);
  }
}

export function cannotRead(path: string, error: unknown): Failure {
  const code = (error as NodeJS.ErrnoException).code;
  return new Failure(
    code === 'ENOENT' ? `There is no file ${path}.` : `Cannot read ${path}: ${String(error)}.`,
    EXIT.usage,
  );
}
