{{- /* Name of every object: the release, and the attempt if the operator installs it. */}}
{{- define "flash-pod.name" -}}
{{- $name := .Release.Name -}}
{{- with .Values.operator.attempt -}}
{{- $name = printf "%s-%s" $name . -}}
{{- end -}}
{{- if gt (len $name) 63 -}}
{{- fail (printf "the name %q is longer than 63 characters: choose a shorter release name" $name) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{- /* The labels by which the Service finds its Pod, and no Pod of another attempt. */}}
{{- define "flash-pod.selectorLabels" -}}
app: {{ .Values.operator.app | default .Release.Name | quote }}
uuid: {{ .Values.device.uuid | quote }}
{{- with .Values.operator.attempt }}
flashjob.nbfc.io/attempt: {{ . | quote }}
{{- end }}
{{- end }}

{{- /* The labels of every object. */}}
{{- define "flash-pod.labels" -}}
{{ include "flash-pod.selectorLabels" . }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: flash
app.kubernetes.io/part-of: flashjob
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- with .Values.operator.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The address from which the device dials in. */}}
{{- define "flash-pod.deviceAddress" -}}
{{- .Values.device.address | default (splitList ":" .Values.device.endpoint | first) -}}
{{- end }}

{{- /* Reference of the flash image. */}}
{{- define "flash-pod.image" -}}
{{- with .Values.image -}}
{{- if .reference -}}
{{- .reference -}}
{{- else -}}
{{- .repository -}}
{{- if .tag -}}
:{{ .tag }}
{{- end -}}
{{- with .digest -}}
@{{ . }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* A string as the value of an environment variable, verbatim: Kubernetes would expand $(NAME). */}}
{{- define "flash-pod.verbatim" -}}
{{- . | replace "$" "$$" | quote -}}
{{- end }}
