{{- define "prism.name" -}}
{{- if contains "prism" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-prism{{ end -}}
{{- end }}

{{- define "prism.image" -}}
{{- $root := index . 0 -}}
{{- with $root.Values.registry }}{{ trimSuffix "/" . }}/{{ end }}{{ index . 1 }}:{{ $root.Values.tag | default $root.Chart.AppVersion -}}
{{- end }}

{{- /* Arguments: the root, and the component: what a selector needs. */ -}}
{{- define "prism.selector" -}}
app.kubernetes.io/name: prism
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "prism.labels" -}}
{{ include "prism.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Values.tag | default (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: prism-{{ (index . 0).Chart.Version }}
{{- end }}

{{- define "prism.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "prism.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* Of a plugin and a role alike: liveness and readiness on 8081, metrics on 9090. */ -}}
{{- define "prism.probes" -}}
startupProbe:
  httpGet: {path: /health/live, port: probes}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /health/live, port: probes}
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /health/ready, port: probes}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}

{{- /* The grace of a gateway's pod: what it takes, and the ten seconds that backends may take to stop. */ -}}
{{- define "prism.grace" -}}
{{- add .Values.gateway.shutdownDelay .Values.gateway.drainTimeout 15 -}}
{{- end }}

{{- define "prism.sidecars" -}}
{{- range $name, $plugin := .Values.plugins }}{{ if eq ($plugin.placement | default "sidecar") "sidecar" }}{{ $name }} {{ end }}{{ end -}}
{{- end }}

{{- define "prism.remotes" -}}
{{- range $name, $plugin := .Values.plugins }}{{ if eq ($plugin.placement | default "sidecar") "remote" }}{{ $name }} {{ end }}{{ end -}}
{{- end }}
