import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { loneWrite } from '../../src/platform/postgres/lone-write.js';

/** Where one named place stands in the source. */
export interface Found {
  readonly name: string;
  readonly at: string;
}

/** Everything in the source at which the program can be made to fail. */
export interface Places {
  /** Units of work. */
  readonly commits: readonly Found[];
  /** Statements that write, and are commits of their own wherever they run outside a unit of work. */
  readonly writes: readonly Found[];
  /** Both sides of what is done outside the database. */
  readonly effects: readonly Found[];
  /** What names no commit, failpoint or table as a literal: nobody could list it. */
  readonly nameless: readonly Found[];
}

const TABLE_OF_AGGREGATES = 'AggregateTable';

/** Reads every source file below `root`, specs and migrations apart. */
export function findPlaces(root: string): Places {
  const places = { commits: [] as Found[], writes: [] as Found[], effects: [] as Found[], nameless: [] as Found[] };
  for (const file of sources(root)) {
    const path = join(root, file);
    const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
    const visit = (node: ts.Node): void => {
      look(node, file, places);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return places;
}

function sources(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.spec\.ts$|\.d\.ts$|(^|\/)(testing|migrations)\//.test(file))
    .sort();
}

function look(node: ts.Node, file: string, places: { [Kind in keyof Places]: Found[] }): void {
  const add = (kind: keyof Places, name: string) => places[kind].push({ name, at: file });
  if (ts.isCallExpression(node)) {
    const called = node.expression.getText();
    const [first] = node.arguments;
    if (/(unitOfWork|db|work)\.run$/i.test(called)) {
      if (first !== undefined && ts.isStringLiteral(first)) add('commits', first.text);
      else add('nameless', called);
    }
    if (called === 'failpoint' && first !== undefined) {
      if (ts.isStringLiteral(first)) add('effects', first.text);
      // The database's own are the two sides of what is found as commits and writes.
      else if (file !== 'platform/postgres/database.ts') add('nameless', `failpoint(${first.getText()})`);
    }
  }
  if (ts.isNewExpression(node) && node.expression.getText() === TABLE_OF_AGGREGATES) {
    const table = node.arguments?.[1];
    if (table !== undefined && ts.isStringLiteral(table))
      for (const verb of ['insert', 'update']) add('writes', `${table.text}.${verb}`);
    else add('nameless', node.getText());
  }
  const text = textOf(node);
  if (text !== null) writeIn(text, file, add);
}

/** The text of a string as it is written; placeholders stay. */
function textOf(node: ts.Node): string | null {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  return ts.isTemplateExpression(node) ? node.getText() : null;
}

function writeIn(text: string, file: string, add: (kind: keyof Places, name: string) => void): void {
  const name = loneWrite(text);
  if (name !== null) add('writes', name);
  else if (/\b(INSERT INTO|DELETE FROM|UPDATE)\s+\$\{/.test(text))
    add('nameless', `${file}: a table that is no literal`);
}
