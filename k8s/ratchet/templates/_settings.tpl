{{/* Where artifacts lie. */}}
{{- define "ratchet.artifactsEnv" -}}
{{- with .root.Values.artifacts -}}
{{- if eq .kind "volume" -}}
- name: RATCHET_MODELS_ARTIFACT_FOLDER
  value: /var/lib/ratchet/shared/artifacts
{{- else -}}
- name: RATCHET_MODELS_ARTIFACT_STORE
  value: s3
- name: RATCHET_MODELS_ARTIFACT_FOLDER
  value: /var/lib/ratchet/artifacts
- name: RATCHET_MODELS_CACHE_FOLDER
  value: /var/lib/ratchet/cache
- name: RATCHET_MODELS_CACHE_BYTES
  value: {{ .s3.cacheBytes | int64 | quote }}
- name: RATCHET_MODELS_S3_BUCKET
  value: {{ .s3.bucket | quote }}
{{- with .s3.prefix }}
- name: RATCHET_MODELS_S3_PREFIX
  value: {{ . | quote }}
{{- end }}
{{- with .s3.region }}
- name: RATCHET_MODELS_S3_REGION
  value: {{ . | quote }}
{{- end }}
{{- with .s3.endpoint }}
- name: RATCHET_MODELS_S3_ENDPOINT
  value: {{ . | quote }}
{{- end }}
- name: RATCHET_MODELS_S3_PATH_STYLE
  value: {{ .s3.pathStyle | quote }}
{{- with .s3.secret }}
{{- if .name }}
{{- include "ratchet.secretEnv" (dict "name" "AWS_ACCESS_KEY_ID" "secret" .name "key" .accessKeyIdKey) | nindent 0 }}
{{- include "ratchet.secretEnv" (dict "name" "AWS_SECRET_ACCESS_KEY" "secret" .name "key" .secretAccessKeyKey) | nindent 0 }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "ratchet.controlEnv" -}}
- name: RATCHET_JOBS_WORK_FOLDER
  value: /var/lib/ratchet/jobs
{{- with .root.Values.jobs }}
- name: RATCHET_JOBS_RUNNER
  value: kubernetes
- name: RATCHET_JOBS_NAMESPACE
  value: {{ .namespace.name }}
- name: RATCHET_JOBS_IMAGE
  value: {{ include "ratchet.image" (dict "root" $.root "image" .image) }}
- name: RATCHET_JOBS_IMAGE_PULL_POLICY
  value: {{ .image.pullPolicy }}
{{- with .image.pullSecrets }}
- name: RATCHET_JOBS_IMAGE_PULL_SECRETS
  value: {{ join "," . | quote }}
{{- end }}
- name: RATCHET_JOBS_SERVICE_ACCOUNT
  value: {{ .serviceAccountName }}
- name: RATCHET_JOBS_API_URL
  value: {{ printf "http://%s-control.%s.svc:%v" (include "ratchet.fullname" $.root) $.root.Release.Namespace $.root.Values.api.service.port }}
- name: RATCHET_JOBS_MAX_CONCURRENT
  value: {{ .maxConcurrent | quote }}
{{- if .maxGpus }}
- name: RATCHET_JOBS_MAX_GPUS
  value: {{ .maxGpus | quote }}
{{- end }}
{{- if and .kueue.enabled .kueue.queue }}
- name: RATCHET_JOBS_QUEUE
  value: {{ .kueue.queue }}
{{- end }}
{{- end }}
{{- if .root.Values.prometheus.secret.name }}
{{- include "ratchet.secretEnv" (dict "name" "RATCHET_PROMETHEUS_URL" "secret" .root.Values.prometheus.secret.name "key" .root.Values.prometheus.secret.key) | nindent 0 }}
{{- end }}
{{- end -}}

{{/* Its levels of logging are fewer. */}}
{{- define "ratchet.guardianEnv" -}}
{{- $routes := .root.Values.routes -}}
{{- $kinds := list -}}
{{- if $routes.httpRoutes }}{{ $kinds = append $kinds "http-route" }}{{ end -}}
{{- if $routes.istio }}{{ $kinds = append $kinds "istio" }}{{ end -}}
{{- if $routes.kserve }}{{ $kinds = append $kinds "kserve" }}{{ end -}}
- name: RATCHET_GUARDIAN_LOG_LEVEL
  value: {{ index (dict "trace" "debug" "fatal" "error") .root.Values.logLevel | default .root.Values.logLevel }}
- name: RATCHET_GUARDIAN_PORT
  value: '8080'
- name: RATCHET_GUARDIAN_KINDS
  value: {{ join "," $kinds | quote }}
- name: RATCHET_GUARDIAN_NAMESPACES
  value: {{ join "," (include "ratchet.routeNamespaces" .root | fromJson).namespaces | quote }}
{{- end -}}
