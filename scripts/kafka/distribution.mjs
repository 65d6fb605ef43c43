import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from '../setup/lock.mjs';
import { RUNTIME } from '../setup/places.mjs';
import { ask, run, SetupProblem } from '../setup/program.mjs';
import { say } from '../setup/report.mjs';

const POM = fileURLToPath(new URL('pom.xml', import.meta.url));
const HOME = join(RUNTIME, 'kafka');
/** Class-data archive of the JVM: halves the start; written by `npm run dev:kafka -- --archive`. */
export const ARCHIVE = join(HOME, 'kafka.jsa');

/** The version that pom.xml pins. */
export function kafkaVersion() {
  const version = /<artifactId>kafka_2\.13<\/artifactId>\s*<version>([^<]+)</.exec(readFileSync(POM, 'utf8'))?.[1];
  if (version === undefined) throw new SetupProblem('scripts/kafka/pom.xml names no version of Kafka');
  return version;
}

/** True when the jars are here already. */
export function hasKafka() {
  return existsSync(libs());
}

/** True when the jars are here or could be fetched, and Java is there to run them. */
export function canRunKafka() {
  return ask('java', ['-version']) !== null && (hasKafka() || ask('mvn', ['--version']) !== null);
}

/**
 * Fetches Kafka's jars from Maven Central into .runtime/kafka, once. Copied aside and renamed, so an interrupted fetch
 * leaves nothing that looks whole; only one process of the clone fetches at a time.
 * @returns the class path
 */
export async function ensureKafka() {
  if (!hasKafka()) await withLock(fetchJars);
  const folder = libs();
  // Sorted and absolute: the class-data archive is bound to exactly this path.
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jar'))
    .sort()
    .map((name) => join(folder, name))
    .join(':');
}

function libs() {
  return join(HOME, `libs-${kafkaVersion()}`);
}

async function fetchJars() {
  if (hasKafka()) return; // another process did it while we waited
  if (ask('java', ['-version']) === null) throw new SetupProblem('Kafka needs Java 17 or newer on PATH');
  if (ask('mvn', ['--version']) === null) throw new SetupProblem('Kafka is fetched by Maven: "mvn" is not on PATH');
  say(`fetching Apache Kafka ${kafkaVersion()} (45 jars, 45 MB) into .runtime/kafka`);
  mkdirSync(HOME, { recursive: true });
  const partial = join(HOME, 'partial');
  const repository = join(HOME, 'maven');
  rmSync(partial, { recursive: true, force: true });
  await run(
    'mvn',
    [
      '--batch-mode',
      '--no-transfer-progress',
      `--file=${POM}`,
      `-Dmaven.repo.local=${repository}`,
      'dependency:copy-dependencies',
      `-DoutputDirectory=${partial}`,
      '-DincludeScope=runtime',
    ],
    { doing: 'mvn dependency:copy-dependencies', fail: 'Kafka could not be fetched' },
  );
  renameSync(partial, libs());
  rmSync(repository, { recursive: true, force: true }); // kept until now: an interrupted fetch goes on where it was
  rmSync(ARCHIVE, { force: true });
}
