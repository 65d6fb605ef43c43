import { Entity, Index } from 'typeorm';
import { AggregateRow } from '../../../platform/postgres/index.js';

@Entity({ schema: 'triggers', name: 'trigger' })
@Index('trigger_by_model', ['model', 'createdAt'])
@Index('trigger_open', ['model'], { unique: true, where: `(phase = 'Open'::text)` })
@Index('trigger_resolved', ['updatedAt'], { where: `(phase = 'Resolved'::text)` })
export class TriggerRow extends AggregateRow {}
