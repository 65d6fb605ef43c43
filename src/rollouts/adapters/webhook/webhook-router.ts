import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Clock, type Digest, failpoint, RatchetError } from '../../../kernel/index.js';
import { log } from '../../../platform/observability/index.js';
import { type TrafficOrder, TrafficRouter, type TrafficSight } from '../../ports.js';
import type { RolloutsSettings } from '../../settings.js';
import { WebhookFailed, WebhookNotConfigured } from './errors.js';
import { signedPost } from './signed-post.js';

const Answer = z.object({
  weight: z.number().min(0).max(100).nullable(),
  reason: z.string().max(1_000).nullable().default(null),
  lapsed: z.boolean().default(false),
  settled: z.boolean().default(false),
});
type Answer = z.output<typeof Answer>;

type Settings = Pick<RolloutsSettings, 'webhooks' | 'webhookSecretFolder' | 'webhookTimeoutMs'>;

/**
 * Somebody else's data plane: every call is one signed POST that states the wanted end, every answer says what it does now.
 * It has to keep `confirmBy` itself: who has heard nothing until then gives everything to the champion and says `lapsed`.
 */
export class WebhookRouter extends TrafficRouter {
  private readonly told = new Map<string, { readonly weight: number; readonly untilMs: number }>();

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async setWeight(order: TrafficOrder, weight: number, confirmBy: Date): Promise<void> {
    const told = this.told.get(order.rollout);
    const leftMs = confirmBy.getTime() - this.clock.now().getTime();
    if (told?.weight === weight && told.untilMs - this.clock.now().getTime() > (leftMs * 2) / 3) return;
    this.told.delete(order.rollout);
    try {
      const { weight: inForce } = await this.ask(order, 'set', { weight, confirmBy: confirmBy.toISOString() });
      if (inForce === weight) this.told.set(order.rollout, { weight, untilMs: confirmBy.getTime() });
    } catch (error) {
      // Whether it was done is unknown now: the next look says it, and the next pass states it again.
      if (!(error instanceof RatchetError)) throw error;
      log.warn({ rollout: order.rollout, reason: error.message }, 'weight cannot be set');
    }
  }

  override async observe(order: TrafficOrder): Promise<TrafficSight> {
    try {
      const { weight, reason, lapsed } = await this.ask(order, 'observe', {});
      if (weight !== this.told.get(order.rollout)?.weight) this.told.delete(order.rollout);
      return { weight, reason, lapsed };
    } catch (error) {
      this.told.delete(order.rollout);
      const refused = error instanceof WebhookNotConfigured;
      const reason = error instanceof Error ? error.message : String(error);
      return { weight: refused ? 0 : null, reason, lapsed: false, ...(refused && { refused }) };
    }
  }

  override async giveBack(order: TrafficOrder, champion: Digest): Promise<void> {
    this.told.delete(order.rollout);
    try {
      await this.ask({ ...order, champion }, 'give-back', { weight: 0 });
    } catch (error) {
      if (!(error instanceof WebhookNotConfigured)) throw error;
      log.warn({ rollout: order.rollout, reason: error.message }, 'nothing to give back');
    }
  }

  override async settle(order: TrafficOrder): Promise<boolean> {
    return (await this.ask(order, 'settle', {})).settled;
  }

  private async ask({ target, ...order }: TrafficOrder, verb: string, more: object): Promise<Answer> {
    const name = target.kind === 'webhook' ? target.endpoint : '';
    const { url, secret } = await this.endpoint(name);
    const body = JSON.stringify({
      apiVersion: 'ratchet.dev/v1alpha1',
      kind: 'TrafficRequest',
      verb,
      ...order,
      ...more,
    });
    try {
      failpoint('rollouts.webhook:before');
      const options = { secret, now: this.clock.now(), timeoutMs: this.settings.webhookTimeoutMs };
      const answer = await signedPost(url, body, options);
      failpoint('rollouts.webhook:after');
      const read = Answer.safeParse(answer);
      if (!read.success) throw new Error('its answer lacks a weight');
      return read.data;
    } catch (error) {
      throw new WebhookFailed(name, error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  /** The secret is read for every request, so that it can be changed without a restart. */
  private async endpoint(name: string): Promise<{ readonly url: URL; readonly secret: string }> {
    const url = this.settings.webhooks.get(name);
    if (url === undefined) throw new WebhookNotConfigured(name, 'RATCHET_ROLLOUTS_WEBHOOKS does not name it.');
    const folder = this.settings.webhookSecretFolder;
    if (folder === undefined)
      throw new WebhookNotConfigured(
        name,
        'RATCHET_ROLLOUTS_WEBHOOK_SECRET_FOLDER is not set, so nothing can be signed.',
      );
    const secret = await readFile(join(folder, name), 'utf8').catch(() => '');
    if (secret.trim() === '') throw new WebhookNotConfigured(name, 'its secret file is missing or empty.');
    return { url: new URL(url), secret: secret.trim() };
  }
}
