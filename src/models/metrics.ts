import { counter } from '../platform/observability/index.js';

export const versionsRegistered = counter({
  name: 'ratchet_models_versions_registered_total',
  help: 'Versions that came into the catalog.',
  labels: ['kind'],
});

export const filesRefused = counter({
  name: 'ratchet_models_files_refused_total',
  help: 'Model files that were refused at registration, by the reason.',
  labels: ['reason'],
});

export const documentsApplied = counter({
  name: 'ratchet_models_documents_applied_total',
  help: 'Model documents that were applied, by what they changed.',
  labels: ['change'],
});

export const artifactBytesStored = counter({
  name: 'ratchet_models_artifact_stored_bytes_total',
  help: 'Bytes of artifacts that were stored for the first time.',
});

export const artifactsCorrupt = counter({
  name: 'ratchet_models_artifacts_corrupt_total',
  help: 'Reads of an artifact whose bytes no longer had its digest.',
});
