{{/* Where artifacts lie. */}}
{{- define "ratchet.artifactsEnv" -}}
{{- with .root.Values.artifacts -}}
{{- if eq .kind "volume" -}}
- name: RATCHET_MODELS_ARTIFACT_FOLDER
  value: /var/lib/ratchet/shared/artifacts
{{- else -}}
- name: RATCHET_MODELS_ARTIFACT_FOLDER
  value: /var/lib/ratchet/artifacts
{{- end }}
{{- end }}
{{- end -}}

{{- define "ratchet.controlEnv" -}}
- name: RATCHET_JOBS_WORK_FOLDER
  value: /var/lib/ratchet/jobs
{{- if .root.Values.prometheus.secret.name }}
{{- include "ratchet.secretEnv" (dict "name" "RATCHET_PROMETHEUS_URL" "secret" .root.Values.prometheus.secret.name "key" .root.Values.prometheus.secret.key) | nindent 0 }}
{{- end }}
{{- end -}}

{{- define "ratchet.guardianEnv" -}}
{{- end -}}
