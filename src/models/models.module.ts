import { Global, Module } from '@nestjs/common';
import { AuditLog, Clock, FactBus, UnitOfWork } from '../kernel/index.js';
import { ArtifactsController } from './adapters/http/artifacts.controller.js';
import { ModelsController } from './adapters/http/models.controller.js';
import { OnnxModelAdmission } from './adapters/onnx/model-admission.js';
import { PostgresChampionHistory } from './adapters/postgres/champion-history.js';
import { PostgresChangeLock } from './adapters/postgres/change-lock.js';
import { PostgresModelStore } from './adapters/postgres/model-store.js';
import { PostgresVersionCatalog } from './adapters/postgres/version-catalog.js';
import { ApplyModel } from './apply-model.js';
import { ArtifactsModule } from './artifacts.module.js';
import { RegisteredDocumentRules } from './document-rules.js';
import {
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

/** Global, because every stage downstream asks the catalog, and telemetry is global itself. */
@Global()
@Module({
  imports: [ArtifactsModule],
  controllers: [ModelsController, ArtifactsController],
  providers: [
    { provide: ModelStore, useClass: PostgresModelStore },
    { provide: VersionCatalog, useClass: PostgresVersionCatalog },
    { provide: ChampionHistory, useClass: PostgresChampionHistory },
    { provide: ChangeLock, useClass: PostgresChangeLock },
    { provide: DocumentRules, useValue: new RegisteredDocumentRules() },
    { provide: ModelAdmission, useClass: OnnxModelAdmission },
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
    ArtifactsModule,
    DocumentRules,
    ModelAdmission,
    VersionRegistration,
  ],
})
export class ModelsModule {}
