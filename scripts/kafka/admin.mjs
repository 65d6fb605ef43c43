import { SetupProblem } from '../setup/program.mjs';

/** True when the broker answers and leads its own metadata. */
export async function isReady(client) {
  return withAdmin(client, async (admin) => (await admin.describeCluster()).brokers.length > 0).catch((error) => {
    if (error instanceof SetupProblem) throw error;
    return false;
  });
}

/** Creates those topics that are not there. */
export async function createTopics(client, topics, partitions) {
  if (topics.length === 0) return;
  await withAdmin(client, async (admin) => {
    const there = new Set(await admin.listTopics());
    const missing = topics
      .map((topic) => (typeof topic === 'string' ? { topic } : topic))
      .filter(({ topic }) => !there.has(topic))
      .map(({ topic, partitions: own = partitions, config = {} }) => ({
        topic,
        numPartitions: own,
        replicationFactor: 1,
        configEntries: Object.entries(config).map(([name, value]) => ({ name, value: String(value) })),
      }));
    if (missing.length > 0) await admin.createTopics({ topics: missing, waitForLeaders: true });
  });
}

/** The first offset that is not there yet, by topic and partition. */
export async function readEnds(client, topics) {
  return withAdmin(client, async (admin) => {
    const result = {};
    for (const topic of topics) {
      const offsets = await admin.fetchTopicOffsets(topic);
      result[topic] = offsets.sort((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
    }
    return result;
  });
}

async function withAdmin(client, work) {
  const { Kafka, logLevel } = await kafkajs();
  const retry = { retries: 0 };
  const admin = new Kafka({ clientId: 'dev-kafka', logLevel: logLevel.NOTHING, retry, ...client }).admin({ retry });
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

async function kafkajs() {
  quietenTimers();
  try {
    return (await import('kafkajs')).default;
  } catch {
    throw new SetupProblem('the npm packages are not installed: run "npm run setup" first');
  }
}

let quiet = false;

/** kafkajs asks for a timer in the past once a process; Node takes it as 1 ms and would print a warning. */
function quietenTimers() {
  if (quiet) return;
  quiet = true;
  const emit = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    if (rest[0] !== 'TimeoutNegativeWarning') emit.call(process, warning, ...rest);
  };
}
