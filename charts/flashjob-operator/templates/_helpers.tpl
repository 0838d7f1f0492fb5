{{- /* The labels by which the operator's Pods are found. */}}
{{- define "flashjob-operator.selectorLabels" -}}
app.kubernetes.io/name: flashjob-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- /* The labels of every object that is not a Pod of the operator. */}}
{{- define "flashjob-operator.labels" -}}
app.kubernetes.io/name: flashjob-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: flashjob
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{- /* Reference of the operator's image. */}}
{{- define "flashjob-operator.image" -}}
{{- with .Values.controllerManager.container.image -}}
{{- .repository -}}
{{- if or .tag (not .digest) -}}
:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- with .digest -}}
@{{ . }}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* Long enough for helm programs to end by themselves, whatever an older value file says. */}}
{{- define "flashjob-operator.terminationGracePeriodSeconds" -}}
{{- max (int64 .Values.controllerManager.terminationGracePeriodSeconds) (add (int64 .Values.helm.timeoutSeconds) 30) -}}
{{- end }}

{{- /* Where the flash chart is inside the container; empty for the built-in one. */}}
{{- define "flashjob-operator.flashChart" -}}
{{- if .Values.flashPod.chart -}}
{{- .Values.flashPod.chart -}}
{{- else if .Values.flashPod.chartVolume -}}
/flash-chart
{{- end -}}
{{- end }}

{{- /* The operator's ServiceAccount as the subject of a binding. */}}
{{- define "flashjob-operator.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ .Values.controllerManager.serviceAccountName }}
    namespace: {{ .Release.Namespace }}
{{- end }}

{{- /* "true" where metrics are guarded: asked for by the value, or by the flag of the original operator in its users' files. */}}
{{- define "flashjob-operator.metricsSecure" -}}
{{- $secure := .Values.metrics.secure -}}
{{- range .Values.controllerManager.container.args -}}
{{- if regexMatch "^--metrics-secure(=(1|t|T|true|TRUE|True))?$" . -}}
{{- $secure = true -}}
{{- end -}}
{{- end -}}
{{- if $secure -}}true{{- end -}}
{{- end }}

{{- /* The labels by which the console's Pods are found. No selector of the operator's Pods fits them. */}}
{{- define "flashjob-console.selectorLabels" -}}
app.kubernetes.io/name: flashjob-console
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: console
{{- end }}

{{- /* The labels of every other object of the console. */}}
{{- define "flashjob-console.labels" -}}
{{ include "flashjob-console.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: flashjob
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}
