import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { Clock } from '../../../kernel/index.js';
import { INGEST_BODY_BYTES, RequireRole, Summary, TextBody } from '../../../platform/http/index.js';
import { decodeEvent, parseJson } from '../../domain/decode-event.js';
import { BodyTooLarge } from '../../domain/errors.js';
import type { BadReason } from '../../domain/event.js';
import { deadLetter, eventEntry, type IntakeEntry, jsonBytes } from '../../intake-entry.js';
import { countDeadLetters } from '../../metrics.js';
import { NativeIntake } from '../../native-intake.js';
import { DeadLetterStore } from '../../ports.js';
import { telemetrySettings, type TelemetrySettings } from '../../settings.js';

/** Most events in one call; a larger array is refused whole. */
const MAX_EVENTS = 5000;

export interface EventsAnswer {
  readonly accepted: number;
  readonly rejected: number;
}

@ApiTags('telemetry')
@Controller('api/v1')
export class EventsController {
  constructor(
    private readonly intake: NativeIntake,
    private readonly letters: DeadLetterStore,
    private readonly clock: Clock,
    @Inject(telemetrySettings.token) private readonly settings: TelemetrySettings,
  ) {}

  @Post('telemetry/events')
  @HttpCode(202)
  @RequireRole('operator')
  @Summary('Takes one native event or an array of them; durable when it answers. Refused events become dead letters.')
  @ApiBody({ description: 'Events of schema ratchet.dev/inference/v1 or ratchet.dev/label/v1.', schema: {} })
  @TextBody(INGEST_BODY_BYTES)
  async post(@Body() text: unknown): Promise<EventsAnswer> {
    const { maxBodyBytes } = this.settings;
    const body = Buffer.from(typeof text === 'string' ? text : '');
    if (body.length > maxBodyBytes) {
      await this.refuseWhole(body, {
        class: 'too-large',
        detail: `has ${body.length} bytes; at most ${maxBodyBytes} are taken`,
      });
      throw new BodyTooLarge(body.length, maxBodyBytes);
    }
    const entries = toEntries(body, maxBodyBytes);
    const rejected = await this.intake.submit(entries);
    return { accepted: entries.length - rejected, rejected };
  }

  private async refuseWhole(body: Uint8Array, reason: BadReason): Promise<void> {
    const place = { topic: 'http', partition: 0, offset: null, model: null, at: this.clock.now() };
    await this.letters.add([deadLetter(body, reason, place)]);
    countDeadLetters({ [reason.class]: 1 });
  }
}

/** A body is one event or an array of events; each element stands for itself. */
function toEntries(body: Buffer, limit: number): IntakeEntry[] {
  const parsed = parseJson(body, limit);
  if ('bad' in parsed) return [eventEntry(parsed, () => body, body.length)];
  if (!Array.isArray(parsed.ok)) return [eventEntry(decodeEvent(body), () => body, body.length)];
  if (parsed.ok.length > MAX_EVENTS) {
    const bad: BadReason = {
      class: 'too-large',
      detail: `has ${parsed.ok.length} events; at most ${MAX_EVENTS} are taken`,
    };
    return [eventEntry({ bad }, () => body, body.length)];
  }
  const share = Math.ceil(body.length / Math.max(1, parsed.ok.length));
  return parsed.ok.map((value: unknown) => eventEntry(decodeEvent(value), () => jsonBytes(value), share));
}
