{{/* Names. */}}
{{- define "traps.name" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end }}
{{- define "traps.labels" }}
app: {{ include "traps.name" . }}
version: {{ .Chart.AppVersion | quote }}
{{- end }}
{{- define "traps.counter" }}{{ if gt (int .) 0 }}{{ . }},{{ include "traps.counter" (sub . 1) }}{{ end }}{{ end }}
