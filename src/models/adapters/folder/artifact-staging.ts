import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { InvalidInput } from '../../../kernel/index.js';
import { ArtifactStaging, type ArtifactStore } from '../../ports.js';
import { FolderArtifactStore } from './artifact-store.js';

const AREA = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

/** The name of an area, which becomes part of a path. @throws InvalidInput */
export function plainArea(name: string): string {
  if (!AREA.test(name)) {
    throw new InvalidInput('The area', [
      { path: 'name', message: 'must be letters, digits, dots, dashes, underscores' },
    ]);
  }
  return name;
}

/** Areas as folders `<artifacts>/staging/<area>`, each laid out like the artifacts themselves. */
export class FolderArtifactStaging extends ArtifactStaging {
  private readonly folder: string;

  constructor(
    artifacts: string,
    private readonly limitBytes: number,
  ) {
    super();
    this.folder = join(resolve(artifacts), 'staging');
  }

  override area(name: string): ArtifactStore {
    return new FolderArtifactStore(join(this.folder, plainArea(name)), this.limitBytes);
  }

  override async remove(name: string): Promise<void> {
    await rm(join(this.folder, plainArea(name)), { recursive: true, force: true });
  }
}
