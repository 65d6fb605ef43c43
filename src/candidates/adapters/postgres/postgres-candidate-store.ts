import { Injectable } from '@nestjs/common';
import { AggregateTable, Database } from '../../../platform/postgres/index.js';
import type { Candidate } from '../../domain/candidate.js';
import { CandidateStore } from '../../ports.js';

const MOST_UNFINISHED = 10_000;

@Injectable()
export class PostgresCandidateStore extends CandidateStore {
  private readonly table: AggregateTable<Candidate>;

  constructor(private readonly db: Database) {
    super();
    this.table = new AggregateTable<Candidate>(db, 'candidates.candidate', 'candidate');
  }

  override find(id: string): Promise<Candidate | null> {
    return this.table.find(id);
  }

  override require(id: string): Promise<Candidate> {
    return this.table.require(id);
  }

  override list(model: string): Promise<Candidate[]> {
    return this.table.list({ model });
  }

  override listUnfinished(): Promise<Candidate[]> {
    return this.table.list({ phases: ['Pending', 'Evaluating'], limit: MOST_UNFINISHED });
  }

  override async ofTriggerExclusively(trigger: string): Promise<Candidate[]> {
    if (!this.db.inTransaction)
      throw new Error('The locks on candidates end with their unit of work, and there is none.');
    // Always in the same order, so that two passes wait for each other and never lock each other out.
    const rows = await this.db.query<{ id: string }>(
      `SELECT id FROM candidates.candidate WHERE spec->>'trigger' = $1 ORDER BY id FOR UPDATE`,
      [trigger],
    );
    const found: Candidate[] = [];
    for (const { id } of rows) found.push(await this.table.require(id));
    return found;
  }

  override save(candidate: Candidate): Promise<Candidate> {
    return this.table.save(candidate);
  }
}
