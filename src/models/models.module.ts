import { Global, Module } from '@nestjs/common';
import { AuditLog, Clock, FactBus, UnitOfWork } from '../kernel/index.js';
import { type SettingsOf } from '../platform/config/index.js';
import { FolderArtifactStaging } from './adapters/folder/artifact-staging.js';
import { FolderArtifactStore } from './adapters/folder/artifact-store.js';
import { ArtifactsController } from './adapters/http/artifacts.controller.js';
import { ModelsController } from './adapters/http/models.controller.js';
import { OnnxModelAdmission } from './adapters/onnx/model-admission.js';
import { PostgresChampionHistory } from './adapters/postgres/champion-history.js';
import { PostgresChangeLock } from './adapters/postgres/change-lock.js';
import { PostgresModelStore } from './adapters/postgres/model-store.js';
import { PostgresVersionCatalog } from './adapters/postgres/version-catalog.js';
import { ApplyModel } from './apply-model.js';
import { RegisteredDocumentRules } from './document-rules.js';
import {
  ArtifactStaging,
  ArtifactStore,
  ChampionHistory,
  ChangeLock,
  DocumentRules,
  ModelAdmission,
  ModelStore,
  VersionCatalog,
  VersionRegistration,
} from './ports.js';
import { CheckedVersionRegistration } from './register-version.js';
import { modelsSettings } from './settings.js';

/** No upload takes so long: what is older was left by a process that died. */
const LEFTOVER_MS = 3_600_000;

/** Global, because every stage downstream asks the catalog, and telemetry is global itself. */
@Global()
@Module({
  controllers: [ModelsController, ArtifactsController],
  providers: [
    { provide: ModelStore, useClass: PostgresModelStore },
    { provide: VersionCatalog, useClass: PostgresVersionCatalog },
    { provide: ChampionHistory, useClass: PostgresChampionHistory },
    { provide: ChangeLock, useClass: PostgresChangeLock },
    { provide: DocumentRules, useValue: new RegisteredDocumentRules() },
    { provide: ModelAdmission, useClass: OnnxModelAdmission },
    {
      provide: ArtifactStore,
      inject: [modelsSettings.token, Clock],
      useFactory: async (settings: SettingsOf<typeof modelsSettings>, clock: Clock) => {
        const store = new FolderArtifactStore(settings.artifactFolder, settings.artifactBytes);
        await store.removeLeftovers(new Date(clock.now().getTime() - LEFTOVER_MS));
        return store;
      },
    },
    {
      provide: ArtifactStaging,
      inject: [modelsSettings.token],
      useFactory: ({ artifactFolder, artifactBytes }: SettingsOf<typeof modelsSettings>) =>
        new FolderArtifactStaging(artifactFolder, artifactBytes),
    },
    {
      provide: VersionRegistration,
      inject: [ModelStore, VersionCatalog, ArtifactStore, ModelAdmission, UnitOfWork, Clock],
      useFactory: (...parts: ConstructorParameters<typeof CheckedVersionRegistration>) =>
        new CheckedVersionRegistration(...parts),
    },
    {
      provide: ApplyModel,
      inject: [
        ModelStore,
        VersionCatalog,
        ChampionHistory,
        ArtifactStore,
        ModelAdmission,
        DocumentRules,
        FactBus,
        AuditLog,
        UnitOfWork,
        Clock,
      ],
      useFactory: (
        models: ModelStore,
        versions: VersionCatalog,
        champions: ChampionHistory,
        artifacts: ArtifactStore,
        admission: ModelAdmission,
        rules: DocumentRules,
        facts: FactBus,
        audit: AuditLog,
        unitOfWork: UnitOfWork,
        clock: Clock,
      ) =>
        new ApplyModel({ models, versions, champions, artifacts, admission, rules, facts, audit, unitOfWork, clock }),
    },
  ],
  exports: [
    ModelStore,
    VersionCatalog,
    ChampionHistory,
    ChangeLock,
    ArtifactStore,
    DocumentRules,
    ModelAdmission,
    VersionRegistration,
  ],
})
export class ModelsModule {}
