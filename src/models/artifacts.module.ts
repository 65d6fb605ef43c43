import { join } from 'node:path';
import { Inject, Module, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '../kernel/index.js';
import { type SettingsOf } from '../platform/config/index.js';
import { log } from '../platform/observability/index.js';
import { FolderArtifactStaging } from './adapters/folder/artifact-staging.js';
import { FolderArtifactStore } from './adapters/folder/artifact-store.js';
import { ArtifactCache } from './adapters/s3/artifact-cache.js';
import { Bucket } from './adapters/s3/bucket.js';
import { S3ArtifactStaging, S3ArtifactStore } from './adapters/s3/s3-artifact-store.js';
import { ArtifactStoreUnavailable } from './domain/errors.js';
import { ArtifactStaging, ArtifactStore } from './ports.js';
import { modelsSettings } from './settings.js';

type Settings = SettingsOf<typeof modelsSettings>;

/** Where this installation keeps its artifacts. */
interface ArtifactPlace {
  readonly store: ArtifactStore;
  readonly staging: ArtifactStaging;
  close(): void;
}

const PLACE = Symbol('artifact place');

/** No upload takes so long: what is older was left by a process that died. */
const LEFTOVER_MS = 3_600_000;

/** The artifact store that the settings name. */
@Module({
  providers: [
    {
      provide: PLACE,
      inject: [modelsSettings.token, Clock],
      useFactory: (settings: Settings, clock: Clock) =>
        settings.artifactStore === 's3' ? openBucket(settings, clock) : openFolder(settings, clock),
    },
    { provide: ArtifactStore, inject: [PLACE], useFactory: (place: ArtifactPlace) => place.store },
    { provide: ArtifactStaging, inject: [PLACE], useFactory: (place: ArtifactPlace) => place.staging },
  ],
  exports: [ArtifactStore, ArtifactStaging],
})
export class ArtifactsModule implements OnModuleDestroy {
  constructor(@Inject(PLACE) private readonly place: ArtifactPlace) {}

  onModuleDestroy(): void {
    this.place.close();
  }
}

async function openFolder(settings: Settings, clock: Clock): Promise<ArtifactPlace> {
  const store = new FolderArtifactStore(settings.artifactFolder, settings.artifactBytes);
  await store.removeLeftovers(new Date(clock.now().getTime() - LEFTOVER_MS));
  const staging = new FolderArtifactStaging(settings.artifactFolder, settings.artifactBytes);
  return { store, staging, close: () => undefined };
}

async function openBucket(settings: Settings, clock: Clock): Promise<ArtifactPlace> {
  const bucket = new Bucket({
    bucket: settings.s3Bucket ?? '',
    prefix: settings.s3Prefix,
    endpoint: settings.s3Endpoint ?? null,
    region: settings.s3Region,
    pathStyle: settings.s3PathStyle,
  });
  const cache = new ArtifactCache(settings.cacheFolder, settings.cacheBytes, clock);
  const stagingCache = new ArtifactCache(join(settings.cacheFolder, 'staging'), settings.cacheBytes, clock);
  const leftover = new Date(clock.now().getTime() - LEFTOVER_MS);
  for (const each of [cache, stagingCache]) await each.removeLeftovers(leftover);
  await bucket.check().catch((error: unknown) => {
    // A wrong setting stops the start; a server that is away for a moment does not.
    if (!(error instanceof ArtifactStoreUnavailable)) throw error;
    log.warn({ err: error }, 'the bucket of the artifacts does not answer yet');
  });
  return {
    store: new S3ArtifactStore(bucket, cache, settings.artifactBytes),
    staging: new S3ArtifactStaging(bucket, stagingCache, settings.artifactBytes),
    close: () => bucket.close(),
  };
}
