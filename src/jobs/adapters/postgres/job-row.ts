import { Entity, Index } from 'typeorm';
import { AggregateRow } from '../../../platform/postgres/index.js';

@Entity({ schema: 'jobs', name: 'job' })
@Index('job_by_model', ['model', 'createdAt'])
@Index('job_by_phase', ['phase'])
export class JobRow extends AggregateRow {}
