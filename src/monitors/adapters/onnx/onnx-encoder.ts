import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { EncodedText } from '../../domain/bert-score.js';
import { EncodingFailed } from '../../domain/errors.js';
import { readVocabulary, tokenize, type Vocabulary } from '../../domain/word-piece.js';
import { Encoder } from '../../ports.js';
import type { EncodeCommand, EncodeReply } from './encoder-messages.js';

/** Where an encoder lies; both paths or neither. */
export interface EncoderFiles {
  /** ONNX file that takes `input_ids` and, where it knows them, `attention_mask` and `token_type_ids` (int64, [1, tokens]). */
  readonly modelPath: string;
  readonly vocabularyPath: string;
  /** Texts are cut to so many tokens. */
  readonly tokens: number;
}

/** Compiled beside this file, or the source itself, which Node can run because it only has types to strip. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './encoder.worker.ts' : './encoder.worker.js',
  import.meta.url,
);
/** A batch that takes longer is given up, and its thread with it. */
const PATIENCE_MS = 120_000;

/**
 * An uncased BERT-like encoder on ONNX Runtime, on a thread of its own. Its first output is taken as [1, tokens, size]
 * embeddings. Everything is loaded when it is first needed; a failure is told, and the next texts begin afresh.
 */
export class OnnxEncoder extends Encoder {
  readonly unavailable: string | null;
  private vocabulary: Promise<Vocabulary> | null = null;
  private worker: Worker | null = null;
  private calls = 0;

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
      this.vocabulary ??= readFile(this.files.vocabularyPath, 'utf8').then(readVocabulary);
      const vocabulary = await this.vocabulary;
      const tokens = texts.map((text) => tokenize(text, vocabulary, this.files.tokens));
      const embeddings = await this.ask(tokens);
      return embeddings.map((all, i) => split(all, tokens[i]?.length ?? 0));
    } catch (error) {
      this.vocabulary = null;
      await this.close();
      throw new EncodingFailed(error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  /** Ends the thread; the next texts start another one. */
  async close(): Promise<void> {
    const { worker } = this;
    this.worker = null;
    await worker?.terminate();
  }

  private ask(texts: EncodeCommand['texts']): Promise<readonly Float32Array[]> {
    const worker = this.thread();
    this.calls += 1;
    const id = this.calls;
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        clearTimeout(timer);
        worker.off('message', onMessage).off('error', onError).off('exit', onExit);
        worker.unref();
        end();
      };
      const fail = (reason: string): void => settle(() => reject(new Error(reason)));
      const onMessage = (reply: EncodeReply): void => {
        if (reply.id !== id) return;
        if ('failed' in reply) fail(reply.failed);
        else settle(() => resolve(reply.embeddings));
      };
      const onError = (error: unknown): void => fail(error instanceof Error ? error.message : String(error));
      const onExit = (): void => fail('its thread ended');
      const timer = setTimeout(() => fail(`no answer within ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
      worker.on('message', onMessage).on('error', onError).on('exit', onExit);
      worker.ref();
      worker.postMessage({ id, modelPath: this.files.modelPath, texts } satisfies EncodeCommand);
    });
  }

  private thread(): Worker {
    this.worker ??= new Worker(WORKER, { execArgv: ['--disable-warning=ExperimentalWarning'] });
    return this.worker;
  }
}

function split(all: Float32Array, tokens: number): EncodedText {
  const size = all.length / tokens;
  const rows = Array.from({ length: tokens }, (_, i) => all.subarray(i * size, (i + 1) * size));
  return { tokens: rows.slice(1, -1), special: [rows[0], rows.at(-1)].filter((row) => row !== undefined) };
}
