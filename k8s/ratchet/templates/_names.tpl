{{- define "ratchet.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Prefix of everything that the release makes. */}}
{{- define "ratchet.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "ratchet.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "ratchet.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Of a part: (dict "root" $ "part" "control"). Selectors never change, so no version is in them. */}}
{{- define "ratchet.selector" -}}
app.kubernetes.io/name: {{ include "ratchet.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "ratchet.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: ratchet
{{ include "ratchet.selector" . }}
{{- end -}}

{{- define "ratchet.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ default .root.Chart.AppVersion .image.tag }}
{{- end -}}
{{- end -}}

{{- define "ratchet.serviceAccountName" -}}
{{- $account := index (dict "gateway-stable" "gateway" "gateway-candidate" "gateway") .part | default .part -}}
{{- if .root.Values.serviceAccount.create -}}
{{ include "ratchet.fullname" .root }}-{{ $account }}
{{- else -}}
{{- required (printf "serviceAccount.names.%s is needed without serviceAccount.create" $account) (index .root.Values.serviceAccount.names $account) -}}
{{- end -}}
{{- end -}}

{{/* The parts that are deployed, as a JSON object of a list. */}}
{{- define "ratchet.parts" -}}
{{- $parts := list "control" -}}
{{- if .Values.gateway.enabled -}}{{- $parts = append $parts "gateway" -}}{{- end -}}
{{- if .Values.gateway.pair.enabled -}}{{- $parts = concat $parts (list "gateway-stable" "gateway-candidate") -}}{{- end -}}
{{- if .Values.kafka.secret.name -}}{{- $parts = append $parts "ingest" -}}{{- end -}}
{{- if include "ratchet.guards" . -}}{{- $parts = append $parts "guardian" -}}{{- end -}}
{{- dict "parts" $parts | toJson -}}
{{- end -}}

{{/* Namespaces whose routes may be moved, as a JSON object of a list. */}}
{{- define "ratchet.routeNamespaces" -}}
{{- dict "namespaces" (.Values.routes.namespaces | default (list .Release.Namespace) | uniq) | toJson -}}
{{- end -}}

{{- define "ratchet.artifactsClaim" -}}
{{- default (printf "%s-artifacts" (include "ratchet.fullname" .)) .Values.artifacts.volume.existingClaim -}}
{{- end -}}

{{/* The rules of one who does something with routes: (dict "root" $ "verbs" list). */}}
{{- define "ratchet.routeRules" -}}
{{- with .root.Values.routes -}}
{{- if .httpRoutes }}
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: {{ toJson $.verbs }}
{{- end }}
{{- if .kserve }}
- apiGroups: [serving.kserve.io]
  resources: [inferenceservices]
  verbs: {{ toJson $.verbs }}
{{- end }}
{{- if .istio }}
- apiGroups: [networking.istio.io]
  resources: [virtualservices]
  verbs: {{ toJson $.verbs }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Something only where there are routes to guard: without its kinds in the cluster the guardian is never ready. */}}
{{- define "ratchet.guards" -}}
{{- if and .Values.guardian.enabled (include "ratchet.movesRoutes" .) }}yes{{ end -}}
{{- end -}}

{{- define "ratchet.movesRoutes" -}}
{{- if or .Values.routes.httpRoutes .Values.routes.kserve .Values.routes.istio }}yes{{ end -}}
{{- end -}}
