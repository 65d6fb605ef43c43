import { LADDER_CAUSES, LADDERS } from './remedy-ladder.js';

/** The built-in ladders as rows of a table in Markdown; the README shows them. */
export function laddersMarkdown(): string {
  return LADDER_CAUSES.map((cause) => `| ${cause} | ${LADDERS[cause].join(' → ')} |`).join('\n');
}
