import { Body, Controller, Get, Headers, HttpCode, Param, Post, Res, UseFilters } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { TensorContract } from '../../../models/index.js';
import { Public, RequireRole, Summary, TextBody } from '../../../platform/http/index.js';
import { BadInferenceRequest, GatewayNotReady } from '../../domain/errors.js';
import { Gateway, type InferenceReply } from '../../gateway.js';
import { RouteSync } from '../../route-sync.js';
import { OpenInferenceFilter } from './open-inference.filter.js';

const INFER_BODY_BYTES = 16 * 1024 * 1024;
const MAX_KEY_LENGTH = 256;

interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: 'onnxruntime_onnx';
  readonly inputs: readonly TensorContract[];
  readonly outputs: readonly TensorContract[];
}

/** The data plane: Open Inference Protocol, version 2, over REST. */
@ApiTags('inference')
@Controller('v2')
@UseFilters(OpenInferenceFilter)
export class OpenInferenceController {
  constructor(
    private readonly gateway: Gateway,
    private readonly sync: RouteSync,
  ) {}

  @Get()
  @RequireRole('viewer')
  @Summary('What this server is.')
  server(): { name: string; version: string; extensions: string[] } {
    return { name: 'ratchet', version: 'v1', extensions: [] };
  }

  @Get('health/live')
  @Public()
  @Summary('Whether the gateway runs.')
  live(): { live: true } {
    return { live: true };
  }

  @Get('health/ready')
  @Public()
  @Summary('Whether every model that has a route is loaded.')
  async ready(): Promise<{ ready: true }> {
    try {
      await this.sync.ready();
    } catch (error) {
      throw new GatewayNotReady(error instanceof Error ? error.message : String(error));
    }
    return { ready: true };
  }

  @Get('models/:model')
  @RequireRole('viewer')
  @Summary("A model's tensors and the versions that its route names.")
  metadata(@Param('model') model: string): ModelMetadata {
    return this.describe(model, null);
  }

  @Get('models/:model/ready')
  @RequireRole('viewer')
  @Summary('Whether a model is served.')
  modelReady(@Param('model') model: string): { name: string; ready: true } {
    this.gateway.describe(model, null);
    return { name: model, ready: true };
  }

  @Get('models/:model/versions/:version')
  @RequireRole('viewer')
  @Summary("One version's tensors, when the model's route names it.")
  versionMetadata(@Param('model') model: string, @Param('version') version: string): ModelMetadata {
    return this.describe(model, version);
  }

  @Get('models/:model/versions/:version/ready')
  @RequireRole('viewer')
  @Summary('Whether one version of a model is served.')
  versionReady(@Param('model') model: string, @Param('version') version: string): { name: string; ready: true } {
    this.gateway.describe(model, version);
    return { name: model, ready: true };
  }

  @Post('models/:model/infer')
  @HttpCode(200)
  @RequireRole('viewer')
  @TextBody(INFER_BODY_BYTES)
  @Summary(
    'Answers one or more rows. `x-ratchet-key` decides about the version; without it the request id does. `x-ratchet-sample: false` keeps the input out of the sample.',
  )
  @ApiBody({ schema: { type: 'object', required: ['inputs'], properties: inferBodyProperties() } })
  async infer(
    @Param('model') model: string,
    @Body() body: unknown,
    @Headers('x-ratchet-key') key: string | undefined,
    @Headers('x-ratchet-sample') sample: string | undefined,
    @Headers('inference-header-content-length') binary: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<InferenceReply> {
    if (binary !== undefined) throw new BadInferenceRequest('The binary tensor extension is not supported; send JSON.');
    if (key !== undefined && (key === '' || key.length > MAX_KEY_LENGTH)) {
      throw new BadInferenceRequest(`"x-ratchet-key" must have 1 to ${MAX_KEY_LENGTH} characters.`);
    }
    if (sample !== undefined && sample !== 'true' && sample !== 'false') {
      throw new BadInferenceRequest('"x-ratchet-sample" must be true or false.');
    }
    const answered = await this.gateway.infer(model, decode(body), key ?? null, sample !== 'false');
    // `close` comes after the last byte was handed over, and also when the client went away before.
    reply.raw.once('close', answered.settle);
    return answered.reply;
  }

  private describe(model: string, version: string | null): ModelMetadata {
    const { spec, route } = this.gateway.describe(model, version);
    const named = version === null ? [route.stable, route.candidate] : [version];
    return {
      name: model,
      versions: named.filter((digest) => digest !== null),
      platform: 'onnxruntime_onnx',
      inputs: [spec.input],
      outputs: [spec.output],
    };
  }
}

/** Decoded here and not by the server, so that a broken body is refused in the words of the protocol, too. */
function decode(body: unknown): unknown {
  if (typeof body !== 'string') throw new BadInferenceRequest('The request body must be JSON (application/json).');
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new BadInferenceRequest('The request body is not JSON.', {}, { cause: error });
  }
}

function inferBodyProperties() {
  const tensor = {
    type: 'object',
    required: ['name', 'shape', 'datatype', 'data'],
    properties: {
      name: { type: 'string' },
      shape: { type: 'array', items: { type: 'integer' } },
      datatype: { type: 'string', enum: ['FP32'] },
      data: { type: 'array', items: {}, description: 'Numbers, flat in row-major order or nested.' },
    },
  };
  return {
    id: { type: 'string', maxLength: 256 },
    parameters: {
      type: 'object',
      properties: { sample: { type: 'boolean', description: 'false: the input is not kept.' } },
    },
    inputs: { type: 'array', items: tensor, minItems: 1, maxItems: 1 },
    outputs: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } },
  };
}
