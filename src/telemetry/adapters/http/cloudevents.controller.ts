import { Body, Controller, Headers, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Clock } from '../../../kernel/index.js';
import { INGEST_BODY_BYTES, Openable, RawBody, RequireRole, Summary } from '../../../platform/http/index.js';
import { BodyTooLarge, IntakeOverloaded } from '../../domain/errors.js';
import { deadLetter } from '../../intake-entry.js';
import { cloudEventsTotal, countDeadLetters } from '../../metrics.js';
import { DeadLetterStore, EventSink } from '../../ports.js';
import { telemetrySettings, type TelemetrySettings } from '../../settings.js';
import { readHttp, type TakenEvent } from '../cloudevents/http-message.js';
import type { EventsAnswer } from './events.controller.js';

const modelName = z.object({ model: z.string().min(1).max(256) });

/**
 * CloudEvents 1.0 over HTTP, for what cannot write to the log itself; KServe's logger first of all, which sends each event
 * once, waits for nothing and takes exactly 200 for success.
 */
@ApiTags('telemetry')
@Controller('api/v1/telemetry/cloudevents')
export class CloudEventsController {
  /** Bytes of events that are not durable yet. */
  private waitingBytes = 0;

  constructor(
    private readonly sink: EventSink,
    private readonly letters: DeadLetterStore,
    private readonly clock: Clock,
    @Inject(telemetrySettings.token) private readonly settings: TelemetrySettings,
  ) {}

  @Post()
  @HttpCode(200)
  @RequireRole('operator')
  @Openable('cloudevents')
  @Summary('Takes CloudEvents (binary, structured or batch); durable when it answers 200, 429 when there is no room')
  @ApiConsumes('application/cloudevents+json', 'application/cloudevents-batch+json', '*/*')
  @ApiBody({
    description: 'Types dev.ratchet.{inference,label,served}.v1 and those of the logger of KServe.',
    schema: {},
  })
  @RawBody(INGEST_BODY_BYTES)
  async post(@Headers() headers: Record<string, string>, @Body() body: unknown): Promise<EventsAnswer> {
    return this.take(headers, body, null);
  }

  @Post(':model')
  @HttpCode(200)
  @RequireRole('operator')
  @Openable('cloudevents')
  @Summary('The same, for inferences of this model, whatever the inference service is called')
  @ApiConsumes('application/cloudevents+json', 'application/cloudevents-batch+json', '*/*')
  @ApiBody({ description: 'As without a model.', schema: {} })
  @RawBody(INGEST_BODY_BYTES)
  async postOf(
    @Param({ schema: modelName }) { model }: z.output<typeof modelName>,
    @Headers() headers: Record<string, string>,
    @Body() body: unknown,
  ): Promise<EventsAnswer> {
    return this.take(headers, body, model);
  }

  private async take(headers: Record<string, string>, raw: unknown, model: string | null): Promise<EventsAnswer> {
    const body = bytesOf(raw);
    const limit = this.settings.maxBodyBytes;
    if (this.waitingBytes + body.length > this.settings.cloudEventBytes) throw this.shed(1);
    this.waitingBytes += body.length;
    try {
      const taken = readHttp(headers, body, limit, model);
      const answer = await this.pass(taken, headers);
      if (body.length > limit) throw new BodyTooLarge(body.length, limit);
      return answer;
    } finally {
      this.waitingBytes -= body.length;
    }
  }

  private async pass(taken: readonly TakenEvent[], headers: Record<string, string>): Promise<EventsAnswer> {
    const events = taken.flatMap((one) => ('event' in one ? [one.event] : []));
    try {
      if (events.length > 0) await this.sink.send(events);
    } catch (error) {
      if (error instanceof IntakeOverloaded) throw this.shed(events.length);
      throw error;
    }
    cloudEventsTotal.inc({ result: 'taken' }, events.length);
    const rejected = await this.keepRefused(taken, headers);
    return { accepted: events.length, rejected };
  }

  /** What has no readable envelope never gets to the log, so it is kept here. */
  private async keepRefused(taken: readonly TakenEvent[], headers: Record<string, string>): Promise<number> {
    const kept = Object.entries(headers).filter(([name]) => /^(?:ce-|content-type$|inference-header)/.test(name));
    const place = { topic: 'http', partition: 0, offset: null, model: null, at: this.clock.now() };
    const refused = taken.flatMap((one) =>
      'bad' in one ? [deadLetter(one.body, one.bad, { ...place, format: 'cloudevents', headers: asRecord(kept) })] : [],
    );
    if (refused.length === 0) return 0;
    await this.letters.add(refused);
    for (const { reason } of refused) countDeadLetters({ [reason.class]: 1 });
    cloudEventsTotal.inc({ result: 'refused' }, refused.length);
    return refused.length;
  }

  private shed(events: number): IntakeOverloaded {
    cloudEventsTotal.inc({ result: 'shed' }, events);
    return new IntakeOverloaded(events);
  }
}

/** HTTP's names of attributes as a record has them. */
function asRecord(headers: readonly (readonly [string, string])[]): Record<string, string> {
  return Object.fromEntries(headers.map(([name, value]) => [name.replace(/^ce-/, 'ce_'), value]));
}

function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'string' ? body : '');
}
