{{/* A setting out of a Secret: (dict "name" … "secret" … "key" …). */}}
{{- define "ratchet.secretEnv" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
{{- end -}}

{{/* Environment of a part: its role first, then what everybody has, then what the values add. */}}
{{- define "ratchet.env" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- if eq .part "guardian" }}
{{- include "ratchet.guardianEnv" . }}
{{- else -}}
- name: RATCHET_LOG_LEVEL
  value: {{ $values.logLevel | quote }}
- name: RATCHET_ROLES
  value: {{ index (splitList "-" .part) 0 }}
- name: RATCHET_HTTP_HOST
  value: 0.0.0.0
- name: RATCHET_HTTP_PORT
  value: '8080'
- name: RATCHET_HTTP_DOCS
  value: {{ $values.api.docs | quote }}
- name: RATCHET_DATABASE_POOL_SIZE
  value: {{ $values.database.poolSize | quote }}
{{- include "ratchet.secretEnv" (dict "name" "RATCHET_DATABASE_URL" "secret" $values.database.secret.name "key" $values.database.secret.key) | nindent 0 }}
{{- include "ratchet.secretEnv" (dict "name" "RATCHET_HTTP_BOOTSTRAP_TOKEN" "secret" $values.api.bootstrapToken.secret.name "key" $values.api.bootstrapToken.secret.key) | nindent 0 }}
{{- include "ratchet.artifactsEnv" . | nindent 0 }}
{{- if $values.kafka.secret.name }}
{{- include "ratchet.kafkaEnv" . | nindent 0 }}
{{- end }}
{{- if eq .part "control" }}
{{- include "ratchet.controlEnv" . | nindent 0 }}
{{- end }}
{{- if hasPrefix "gateway-" .part }}
- name: RATCHET_SERVING_ARM
  value: {{ trimPrefix "gateway-" .part }}
{{- end }}
{{- end }}
{{- range $name, $value := merge (dict) .values.settings (ternary (dict) $values.settings (eq .part "guardian")) }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- define "ratchet.kafkaEnv" -}}
{{- with .root.Values.kafka -}}
{{ include "ratchet.secretEnv" (dict "name" "RATCHET_KAFKA_BROKERS" "secret" .secret.name "key" .secret.key) }}
{{- if .tls.enabled }}
- name: RATCHET_KAFKA_TLS
  value: 'true'
{{- if .tls.caSecret.name }}
- name: RATCHET_KAFKA_TLS_CA_FILE
  value: /etc/ratchet/kafka-ca/ca.crt
{{- end }}
{{- if .tls.clientSecret }}
- name: RATCHET_KAFKA_TLS_CERT_FILE
  value: /etc/ratchet/kafka-client/tls.crt
- name: RATCHET_KAFKA_TLS_KEY_FILE
  value: /etc/ratchet/kafka-client/tls.key
{{- end }}
{{- end }}
{{- if .sasl.mechanism }}
- name: RATCHET_KAFKA_SASL_MECHANISM
  value: {{ .sasl.mechanism }}
{{- include "ratchet.secretEnv" (dict "name" "RATCHET_KAFKA_USERNAME" "secret" .sasl.secret.name "key" .sasl.secret.usernameKey) | nindent 0 }}
- name: RATCHET_KAFKA_PASSWORD_FILE
  value: /etc/ratchet/kafka-login/password
{{- end }}
{{- end }}
{{- end -}}

{{/* What every pod that is ours keeps to; Pod Security `restricted` and more. */}}
{{- define "ratchet.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "ratchet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "ratchet.mounts" -}}
- name: scratch
  mountPath: /tmp
  subPath: tmp
- name: scratch
  mountPath: /var/lib/ratchet
  subPath: state
{{- if ne .part "guardian" }}
{{- if and (eq .root.Values.artifacts.kind "volume") (ne .part "ingest") }}
- name: artifacts
  mountPath: /var/lib/ratchet/shared
{{- end }}
{{- with .root.Values.kafka }}
{{- if .secret.name }}
{{- if and .tls.enabled .tls.caSecret.name }}
- name: kafka-ca
  mountPath: /etc/ratchet/kafka-ca
  readOnly: true
{{- end }}
{{- if and .tls.enabled .tls.clientSecret }}
- name: kafka-client
  mountPath: /etc/ratchet/kafka-client
  readOnly: true
{{- end }}
{{- if .sasl.mechanism }}
- name: kafka-login
  mountPath: /etc/ratchet/kafka-login
  readOnly: true
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "ratchet.volumes" -}}
- name: scratch
  emptyDir:
    sizeLimit: {{ .values.scratchSize }}
{{- if ne .part "guardian" }}
{{- if and (eq .root.Values.artifacts.kind "volume") (ne .part "ingest") }}
- name: artifacts
  persistentVolumeClaim:
    claimName: {{ include "ratchet.artifactsClaim" .root }}
{{- end }}
{{- with .root.Values.kafka }}
{{- if .secret.name }}
{{- if and .tls.enabled .tls.caSecret.name }}
- name: kafka-ca
  secret:
    secretName: {{ .tls.caSecret.name }}
    items: [{ key: {{ .tls.caSecret.key }}, path: ca.crt }]
{{- end }}
{{- if and .tls.enabled .tls.clientSecret }}
- name: kafka-client
  secret:
    secretName: {{ .tls.clientSecret }}
    defaultMode: 0440
{{- end }}
{{- if .sasl.mechanism }}
- name: kafka-login
  secret:
    secretName: {{ .sasl.secret.name }}
    defaultMode: 0440
    items: [{ key: {{ .sasl.secret.passwordKey }}, path: password }]
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
A Deployment: (dict "root" $ "part" "control" "values" .Values.control "replicas" N), and for another program than the usual one
"program" and "alive", the path of its probe.
A new pod is ready before an old one goes, and an old one is out of its Services before it is told to end.
*/}}
{{- define "ratchet.deployment" -}}
{{- $talksToCluster := has .part (list "control" "guardian") -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "ratchet.fullname" .root }}-{{ .part }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "ratchet.labels" . | nindent 4 }}
spec:
  replicas: {{ .replicas }}
  revisionHistoryLimit: 3
  strategy:
    type: RollingUpdate
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }
  selector:
    matchLabels:
      {{- include "ratchet.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "ratchet.labels" . | nindent 8 }}
        {{- with .values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- $annotations := deepCopy .values.podAnnotations }}
      {{- if .root.Values.metrics.scrapeAnnotations }}
      {{- $annotations = merge $annotations (dict "prometheus.io/scrape" "true" "prometheus.io/port" "8080" "prometheus.io/path" "/metrics") }}
      {{- end }}
      {{- with $annotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "ratchet.serviceAccountName" . }}
      automountServiceAccountToken: {{ $talksToCluster }}
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ .root.Values.terminationGracePeriodSeconds }}
      {{- with .root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      securityContext:
        {{- include "ratchet.podSecurity" . | nindent 8 }}
      {{- with .values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with .values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- else }}
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
            - weight: 100
              podAffinityTerm:
                topologyKey: kubernetes.io/hostname
                labelSelector:
                  matchLabels:
                    {{- include "ratchet.selector" . | nindent 20 }}
      {{- end }}
      {{- if .root.Values.topologySpread.enabled }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: {{ .root.Values.topologySpread.topologyKey }}
          whenUnsatisfiable: {{ .root.Values.topologySpread.whenUnsatisfiable }}
          labelSelector:
            matchLabels:
              {{- include "ratchet.selector" . | nindent 14 }}
      {{- end }}
      containers:
        - name: {{ .part }}
          image: {{ include "ratchet.image" (dict "root" .root "image" .root.Values.image) }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          workingDir: /app
          args: [{{ .program | default "dist/main.js" }}]
          env:
            {{- include "ratchet.env" . | nindent 12 }}
          ports:
            - name: http
              containerPort: 8080
              protocol: TCP
          # Migrations run before the port is open, so a start may take minutes on a large database.
          startupProbe:
            httpGet: { path: {{ .alive | default "/livez" }}, port: http }
            periodSeconds: 2
            timeoutSeconds: 3
            failureThreshold: 150
          livenessProbe:
            httpGet: { path: {{ .alive | default "/livez" }}, port: http }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: { path: /readyz, port: http }
            periodSeconds: 3
            timeoutSeconds: 5
            failureThreshold: 2
          lifecycle:
            preStop:
              sleep: { seconds: 5 }
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          securityContext:
            {{- include "ratchet.containerSecurity" . | nindent 12 }}
          volumeMounts:
            {{- include "ratchet.mounts" . | nindent 12 }}
      volumes:
        {{- include "ratchet.volumes" . | nindent 8 }}
{{- end -}}
