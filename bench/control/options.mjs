import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run bench:control -- [--quick] [--models N] [--rollouts N] [--seconds N] [--jobs N] [--quota N] [--write]

One control plane over a real PostgreSQL with its default durability: what it costs to look after many models and open
rollouts, beside one of each in the same run, and how long many jobs take through a quota with a stub runner.
Everything a machine with other work on it says about time is too slow; the ratios hold.

  --quick        1,000 models, 50 rollouts, 200 jobs through 20, 15 s each: a look, not a figure
  --models N     models (10000)
  --rollouts N   of which so many have an open rollout (500)
  --seconds N    how long each is watched (60)
  --jobs N       jobs (1000)
  --quota N      jobs that may run at the same time (50)
  --write        also writes bench/control/RESULTS.md`;

/** What the arguments say. */
export function readOptions(args) {
  const number = (name, quick, full) => ({ name, quick, full });
  const numbers = [
    number('models', 1_000, 10_000),
    number('rollouts', 50, 500),
    number('seconds', 15, 60),
    number('jobs', 200, 1_000),
    number('quota', 20, 50),
  ];
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      ...Object.fromEntries(numbers.map(({ name }) => [name, { type: 'string' }])),
    },
  });
  const read = ({ name, quick, full }) => {
    const value = values[name] === undefined ? (values.quick ? quick : full) : Number(values[name]);
    if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number from 1 on`);
    return [name, value];
  };
  return { ...values, ...Object.fromEntries(numbers.map(read)) };
}
