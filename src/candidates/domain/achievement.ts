import type { Achievement } from '../../triggers/index.js';
import type { Candidate, Evaluation } from './candidate.js';

/** What a trigger achieved with this candidate, for `TriggerOutcomes.resolve`. */
export function achievementOf(
  candidate: Pick<Candidate, 'id' | 'spec' | 'status'>,
  decidedBy: Achievement['decidedBy'],
  promotion: string | null = null,
): Achievement {
  const { id, spec, status } = candidate;
  const evaluation = 'evaluation' in status ? status.evaluation : null;
  return {
    ...{ decidedBy, candidate: id, version: spec.digest, promotion },
    figures: evaluation === null ? null : figuresOf(evaluation),
  };
}

function figuresOf({ accuracy, agreement, size, latency }: Evaluation): NonNullable<Achievement['figures']> {
  return {
    accuracy:
      accuracy === null
        ? null
        : {
            champion: accuracy.champion.value,
            candidate: accuracy.candidate.value,
            reference: accuracy.reference.value,
          },
    agreement: { champion: agreement.champion.value, candidate: agreement.candidate.value },
    sizeRatio: size.ratio,
    speedup: latency.speedup,
    overChampion: latency.overChampion,
  };
}
