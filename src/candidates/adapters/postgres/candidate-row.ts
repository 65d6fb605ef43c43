import { Entity, Index } from 'typeorm';
import { AggregateRow } from '../../../platform/postgres/index.js';

@Entity({ schema: 'candidates', name: 'candidate' })
@Index('candidate_by_model', ['model', 'createdAt'])
@Index('candidate_by_phase', ['phase'])
export class CandidateRow extends AggregateRow {}
