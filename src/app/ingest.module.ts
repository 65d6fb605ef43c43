import { Module } from '@nestjs/common';
import { ModelsModule } from '../models/models.module.js';
import { TelemetryIngestModule } from '../telemetry/telemetry-ingest.module.js';

/** The role `ingest`: from the log into windows. Several processes share the partitions. */
@Module({ imports: [ModelsModule, TelemetryIngestModule] })
export class IngestRole {}
