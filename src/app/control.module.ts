import { Module } from '@nestjs/common';
import { STAGE_MODULES } from './stages.js';

/** The role `control`: every stage's reconcilers and routes but the data plane and the log's. */
@Module({ imports: [...STAGE_MODULES] })
export class ControlRole {}
