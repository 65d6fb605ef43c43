import { dirname, resolve } from 'node:path';
import { segment } from '../client.js';
import { EXIT, Failure } from '../failure.js';
import { readDocuments } from '../read-file.js';
import type { Session } from '../session.js';
import { uploadArtifact } from '../upload.js';

interface ModelDocument {
  readonly metadata?: { readonly name?: unknown };
  readonly spec?: { readonly reference?: { readonly artifact?: unknown; readonly digest?: unknown } };
}

interface Applied {
  readonly id: string;
  readonly change: string;
  readonly status: { readonly generation: number };
}

/** Applies every document of a file; `spec.reference.artifact` is uploaded and replaced by its digest. */
export async function apply(session: Session, file: string): Promise<void> {
  for (const document of await readDocuments(file)) {
    const name = (document as ModelDocument | null)?.metadata?.name;
    if (typeof name !== 'string' || name === '') throw new Failure(`${file} has no metadata.name.`, EXIT.usage);
    const wanted = await withUploadedReference(session, document as ModelDocument, dirname(resolve(file)));
    const applied = await session.client.put<Applied>(`/models/${segment(name)}`, wanted);
    session.show(applied, () => `model ${applied.id} ${applied.change} (generation ${applied.status.generation})`);
  }
}

async function withUploadedReference(
  session: Session,
  document: ModelDocument,
  folder: string,
): Promise<ModelDocument> {
  const { artifact, ...reference } = document.spec?.reference ?? {};
  if (artifact === undefined) return document;
  if (typeof artifact !== 'string')
    throw new Failure('spec.reference.artifact must be the path of a file.', EXIT.usage);
  const digest = await uploadArtifact(session, resolve(folder, artifact));
  if (reference.digest !== undefined && reference.digest !== digest) {
    throw new Failure(
      `spec.reference.digest is ${JSON.stringify(reference.digest)}, but the file of spec.reference.artifact is ${digest}.`,
    );
  }
  return { ...document, spec: { ...document.spec, reference: { ...reference, digest } } };
}
