import { readFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { EncodedText } from '../../domain/bert-score.js';
import { EncodingFailed } from '../../domain/errors.js';
import { readVocabulary, tokenize, type Vocabulary } from '../../domain/word-piece.js';
import { Encoder } from '../../ports.js';

/** Where an encoder lies; both paths or neither. */
export interface EncoderFiles {
  /** ONNX file that takes `input_ids` and, where it knows them, `attention_mask` and `token_type_ids` (int64, [1, tokens]). */
  readonly modelPath: string;
  readonly vocabularyPath: string;
  /** Texts are cut to so many tokens. */
  readonly tokens: number;
}

interface Loaded {
  readonly session: InferenceSession;
  readonly vocabulary: Vocabulary;
}

/**
 * An uncased BERT-like encoder on ONNX Runtime. Its first output is taken as [1, tokens, size] embeddings. It is loaded when
 * it is first needed; a failure is told and tried again with the next texts.
 */
export class OnnxEncoder extends Encoder {
  readonly unavailable: string | null;
  private loading: Promise<Loaded> | null = null;

  constructor(private readonly files: EncoderFiles) {
    super();
    this.unavailable =
      files.modelPath !== '' && files.vocabularyPath !== ''
        ? null
        : 'no text encoder is configured; set RATCHET_MONITORS_ENCODER_MODEL_PATH to an ONNX file and RATCHET_MONITORS_ENCODER_VOCABULARY_PATH to its vocab.txt.';
  }

  override async encode(texts: readonly string[]): Promise<EncodedText[]> {
    if (this.unavailable !== null) throw new EncodingFailed(this.unavailable);
    try {
      const { session, vocabulary } = await this.load();
      const encoded: EncodedText[] = [];
      // One after the other: texts differ in length, and padding would have to be masked for nothing.
      for (const text of texts) encoded.push(await run(session, tokenize(text, vocabulary, this.files.tokens)));
      return encoded;
    } catch (error) {
      this.loading = null;
      if (error instanceof EncodingFailed) throw error;
      throw new EncodingFailed(error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  private load(): Promise<Loaded> {
    this.loading ??= this.open();
    return this.loading;
  }

  private async open(): Promise<Loaded> {
    const vocabulary = readVocabulary(await readFile(this.files.vocabularyPath, 'utf8'));
    const session = await InferenceSession.create(this.files.modelPath, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    });
    return { session, vocabulary };
  }
}

async function run(session: InferenceSession, tokens: readonly number[]): Promise<EncodedText> {
  const shape = [1, tokens.length];
  const values: Record<string, bigint[]> = {
    input_ids: tokens.map((token) => BigInt(token)),
    attention_mask: tokens.map(() => 1n),
    token_type_ids: tokens.map(() => 0n),
  };
  const feeds = Object.fromEntries(
    session.inputNames.map((name) => {
      const known = values[name];
      if (known === undefined) throw new EncodingFailed(`it takes an input called ${name}, which is no encoder's`);
      return [name, new Tensor('int64', BigInt64Array.from(known), shape)];
    }),
  );
  const name = session.outputNames[0] ?? '';
  const output = (await session.run(feeds, [name]))[name];
  if (output === undefined || !(output.data instanceof Float32Array) || output.dims.length !== 3)
    throw new EncodingFailed('its first output is not float32 of [1, tokens, size]');
  const size = output.dims[2]!;
  if (output.dims[1] !== tokens.length || size === 0)
    throw new EncodingFailed('it does not give one embedding a token');
  // A copy: the runtime owns the memory behind its output.
  const all = output.data.slice();
  const rows = tokens.map((_, i) => all.subarray(i * size, (i + 1) * size));
  return { tokens: rows.slice(1, -1), special: [rows[0]!, rows.at(-1)!] };
}
