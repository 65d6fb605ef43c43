import { type Chain, dig, digNumber, digText, type Item, type LoopState } from './state.js';

const percent = (share: number): string => (Number.isFinite(share) ? `${(share * 100).toFixed(1)} %` : '–');

/** One line for each link of the chain that exists: what it is and how it stands. */
export function chainLines(
  chain: Chain,
  state: LoopState,
): { readonly name: string; readonly text: string; readonly phase: string }[] {
  const lines: { name: string; text: string; phase: string }[] = [];
  const add = (name: string, item: Item | undefined, text: (item: Item) => string): void => {
    if (item !== undefined) lines.push({ name: `${name} ${item.id}`, phase: item.status.phase, text: text(item) });
  };
  add(
    'trigger',
    chain.trigger,
    (item) => `${String(item.spec['cause'])} → ${String(dig(item.spec, 'remedy', 'recipe'))}`,
  );
  add('job', chain.job, jobText);
  add('candidate', chain.candidate, candidateText);
  add('experiment', chain.experiment, experimentText);
  add('rollout', chain.rollout, (item) => rolloutText(item, state));
  add('promotion', chain.promotion, (item) => digText(item.status, 'reason'));
  return lines;
}

function jobText({ status }: Item): string {
  if (status.phase === 'Running') {
    const share = digNumber(status, 'progress', 'fraction');
    return `${bar(share)} ${digText(status, 'progress', 'step')} ${digText(status, 'progress', 'message')}`;
  }
  if (status.phase === 'Succeeded') return `${digNumber(status, 'runnerSeconds').toFixed(1)} s on the runner`;
  const failures = status['failures'];
  return Array.isArray(failures) ? failures.join('; ') : '';
}

function candidateText({ status }: Item): string {
  const evaluation = status['evaluation'];
  const measured =
    evaluation === undefined || evaluation === null
      ? ''
      : `${percent(digNumber(evaluation, 'size', 'ratio'))} of the size, ` +
        `${digNumber(evaluation, 'latency', 'speedup').toFixed(2)}× the speed, ` +
        `agreement ${percent(digNumber(evaluation, 'agreement', 'candidate', 'value'))}`;
  const reasons = status['reasons'];
  return [measured, Array.isArray(reasons) ? reasons.join('; ') : ''].filter((part) => part !== '').join(' – ');
}

function experimentText({ status }: Item): string {
  const verdict = typeof status['verdict'] === 'string' ? `${status['verdict']} ` : '';
  const pairs = digNumber(status, 'reading', 'pairs');
  const difference = digNumber(status, 'reading', 'difference') * 100;
  const measured = Number.isFinite(pairs)
    ? `${pairs} pairs, ${difference >= 0 ? '+' : ''}${difference.toFixed(2)} points`
    : '';
  return `${verdict}${measured} ${typeof status['reason'] === 'string' ? status['reason'] : ''}`.trim();
}

function rolloutText({ status }: Item, state: LoopState): string {
  const weight = `weight ${state.route?.weight ?? 0} %`;
  const readings = Array.isArray(status['readings']) ? (status['readings'] as unknown[]) : [];
  const gates = readings.map((reading) => `${String(dig(reading, 'gate', 'kind'))} ${String(dig(reading, 'verdict'))}`);
  const reason = typeof status['reason'] === 'string' ? status['reason'] : '';
  return [status.phase === 'Progressing' ? weight : '', gates.join(', '), reason]
    .filter((part) => part !== '')
    .join(' – ');
}

function bar(share: number): string {
  const full = Math.round((Number.isFinite(share) ? share : 0) * 10);
  return `${'█'.repeat(full)}${'░'.repeat(10 - full)} ${percent(Number.isFinite(share) ? share : 0)}`;
}
