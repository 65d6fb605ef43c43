import { Injectable } from '@nestjs/common';
import type { Gate } from '../../../models/index.js';
import { GateAdmission } from '../../ports.js';

/** Without a Prometheus every typed gate can be read, and no other. */
@Injectable()
export class WindowGateAdmission extends GateAdmission {
  override check(gate: Gate): Promise<string[]> {
    return Promise.resolve(
      gate.kind === 'promql'
        ? ['needs a Prometheus, and none is configured (PROMETHEUS_URL); the typed gates are read without one']
        : [],
    );
  }
}
