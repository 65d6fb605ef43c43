import { type Digest, RatchetError, shortDigest } from '../../kernel/index.js';

/** Thrown when an artifact is larger than the store takes. */
export class ArtifactTooLarge extends RatchetError {
  readonly code = 'too_large';
  constructor(sizeBytes: number, limitBytes: number) {
    super(`The artifact has more than the allowed ${limitBytes} bytes.`, { sizeBytes, limitBytes });
  }
}

/** Thrown when the stored bytes of an artifact no longer are what its digest says. Never served, never repaired. */
export class ArtifactCorrupt extends RatchetError {
  readonly code = 'internal';
  constructor(digest: Digest, found: string) {
    super(`The stored artifact ${shortDigest(digest)} was changed: its bytes have another digest.`, { digest, found });
  }
}

/** Thrown when a file cannot be read as an ONNX model: cut off, or something else. */
export class NotAnOnnxModel extends RatchetError {
  readonly code = 'unprocessable';
  constructor(why: string) {
    super(`The file is no readable ONNX model: ${why}.`, { why });
  }
}

/** Thrown when a model keeps tensors outside its file; an artifact is one file, or its digest would not cover it. */
export class ExternalDataRefused extends RatchetError {
  readonly code = 'unprocessable';
  constructor(tensor: string, location: string) {
    super(
      `The tensor "${tensor}" is stored outside the model, in "${location}"; save the model with its data inside.`,
      {
        tensor,
        location,
      },
    );
  }
}

/** Thrown when a model needs operators that ONNX Runtime does not bring along. */
export class CustomOperatorRefused extends RatchetError {
  readonly code = 'unprocessable';
  constructor(domain: string, operator: string) {
    super(`The model uses the operator "${operator}" of the domain "${domain}", which is not allowed.`, {
      domain,
      operator,
    });
  }
}

/** Thrown when a model's inputs or outputs are not those of its document. */
export class ContractMismatch extends RatchetError {
  readonly code = 'unprocessable';
  constructor(side: 'input' | 'output', differences: readonly string[]) {
    super(`The model's ${side} is not what its document says: ${differences.join('; ')}.`, { side, differences });
  }
}

/** Thrown when a version is to be registered under a kind, parent or reference that it cannot have. */
export class LineageRefused extends RatchetError {
  readonly code = 'unprocessable';
}

/** Thrown when a document would change what a model's telemetry and champions rest on. */
export class ImmutableField extends RatchetError {
  readonly code = 'conflict';
  constructor(model: string, field: string) {
    super(`${field} of the model "${model}" cannot change; apply the document under another name.`, { model, field });
  }
}

/** Thrown when something else than a plain file is to be stored, e.g. a link that points anywhere. */
export class NotARegularFile extends RatchetError {
  readonly code = 'unprocessable';
  constructor() {
    super('Only a regular file can be stored as an artifact.');
  }
}

/** Thrown when the bucket of the artifacts does not answer, or not to us. */
export class ArtifactStoreUnavailable extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(doing: string, reason: string, options: { cause: unknown }) {
    super(`The artifact store cannot ${doing}: ${reason}.`, { doing, reason }, options);
  }
}
