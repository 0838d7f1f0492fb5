{{ define "sum" }}
{{ toJson .context | sha256sum }}
{{ end }}
