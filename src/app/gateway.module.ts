import { Module } from '@nestjs/common';
import { ModelsModule } from '../models/models.module.js';
import { ServingModule } from '../serving/serving.module.js';
import { TelemetryModule } from '../telemetry/telemetry.module.js';

/** The role `gateway`: the built-in data plane. Its answers go to the log, or else straight to the engine. */
@Module({ imports: [ModelsModule, ServingModule, TelemetryModule] })
export class GatewayRole {}
