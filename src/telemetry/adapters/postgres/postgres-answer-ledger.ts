import { Injectable } from '@nestjs/common';
import type { Digest } from '../../../kernel/index.js';
import { Database } from '../../../platform/postgres/index.js';
import type { LabelledAnswer, PairedAnswer } from '../../domain/observation.js';
import { AnswerLedger, type PairBounds } from '../../ports.js';

/** Either version may have answered while the other one was the shadow. */
const PAIRS = `
  WITH pairs AS NOT MATERIALIZED (
    SELECT request_id, at, prediction AS champion, shadow_prediction AS candidate, label, label_sequence
    FROM telemetry.answer
    WHERE model = $1 AND version = $2 AND shadow_version = $3 AND at > $4
      AND prediction IS NOT NULL AND shadow_prediction IS NOT NULL
    UNION ALL
    SELECT request_id, at, shadow_prediction, prediction, label, label_sequence
    FROM telemetry.answer
    WHERE model = $1 AND version = $3 AND shadow_version = $2 AND at > $4
      AND prediction IS NOT NULL AND shadow_prediction IS NOT NULL)
  SELECT request_id AS "requestId", at, champion, candidate, label, label_sequence::float8 AS sequence FROM (
    (SELECT * FROM pairs WHERE label_sequence > $5 ORDER BY label_sequence LIMIT $6)
    UNION ALL
    (SELECT * FROM pairs WHERE label_sequence IS NULL AND at >= $7 AND at <= $9
     ORDER BY at, request_id LIMIT $8)) AS chosen
  ORDER BY label_sequence NULLS LAST, at, request_id`;

@Injectable()
export class PostgresAnswerLedger extends AnswerLedger {
  constructor(private readonly db: Database) {
    super();
  }

  override labelledAfter(model: string, version: Digest, after: number, limit: number): Promise<LabelledAnswer[]> {
    return this.db.query<LabelledAnswer>(
      `SELECT label_sequence::float8 AS sequence, request_id AS "requestId", version, at, prediction, confidence, label
       FROM telemetry.answer WHERE model = $1 AND version = $2 AND label_sequence > $3
       ORDER BY answer.label_sequence LIMIT $4`,
      [model, version, after, limit],
    );
  }

  override pairs(model: string, champion: Digest, candidate: Digest, bounds: PairBounds): Promise<PairedAnswer[]> {
    return this.db.query<PairedAnswer>(PAIRS, [
      ...[model, champion, candidate, bounds.since.toISOString()],
      ...[bounds.labelledAfter, Math.max(0, bounds.labelled)],
      ...[bounds.unlabelledFrom.toISOString(), Math.max(0, bounds.unlabelled), bounds.unlabelledUntil.toISOString()],
    ]);
  }
}
