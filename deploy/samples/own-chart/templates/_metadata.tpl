{{/* What ties an object to its attempt: the operator finds it by the name and keeps its end until the verdict is stored. */}}
{{- define "metadata" -}}
name: {{ .Release.Name }}{{ with .Values.operator.attempt }}-{{ . }}{{ end }}
namespace: {{ .Release.Namespace }}
labels:
  app: {{ .Values.operator.app | quote }}
  uuid: {{ .Values.device.uuid | quote }}
  flashjob.nbfc.io/attempt: {{ .Values.operator.attempt | quote }}
  {{- with .Values.operator.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.operator.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.ownerReferences }}
ownerReferences:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.finalizers }}
finalizers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
