{{/* Names. A release named after the chart needs no second half. */}}
{{- define "aidc.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "aidc.fullname" -}}
{{- $name := include "aidc.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Where everything of the release is. */}}
{{- define "aidc.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{/* The account that the hub works with in a region: in mode all the operator's own. */}}
{{- define "aidc.memberAccount" -}}
{{- include "aidc.fullname" . }}{{ if eq .Values.mode "member" }}-member{{ end }}
{{- end }}

{{/* "true" where the operator runs. */}}
{{- define "aidc.isHub" -}}
{{- if ne .Values.mode "member" }}true{{ end }}
{{- end }}

{{/* "true" where metrics are served over HTTPS; nil-safe for values of a release from before there was the choice. */}}
{{- define "aidc.secureMetrics" -}}
{{- if and .Values.metrics .Values.metrics.secure.enabled }}true{{ end }}
{{- end }}

{{/* "true" in a region. The hub keeps its claim of a region in aidc-system; the release must be there, too. */}}
{{- define "aidc.isMember" -}}
{{- if ne .Values.mode "hub" }}
{{- if ne (include "aidc.namespace" .) "aidc-system" }}
{{- fail (printf "mode %s must be installed in the namespace aidc-system, not %s: helm install ... --namespace aidc-system --create-namespace" .Values.mode (include "aidc.namespace" .)) }}
{{- end }}true
{{- end }}
{{- end }}

{{- define "aidc.selectorLabels" -}}
app.kubernetes.io/name: {{ include "aidc.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "aidc.labels" -}}
{{- with .Values.commonLabels }}
{{- toYaml . }}
{{ end }}
{{- ""}}app.kubernetes.io/name: {{ include "aidc.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "aidc.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Who holds a role: (list root "name of the service account"). */}}
{{- define "aidc.subject" -}}
- kind: ServiceAccount
  name: {{ index . 1 }}
  namespace: {{ include "aidc.namespace" (index . 0) }}
{{- end }}

{{/*
Says which value asks for kinds that the cluster does not have: (list root "the value"). Without a cluster, as in `helm
template`, nobody knows, and nothing is refused.
*/}}
{{- define "aidc.needsMonitoring" -}}
{{- $root := index . 0 }}
{{- if not ($root.Capabilities.APIVersions.Has "monitoring.coreos.com/v1") }}
{{- if lookup "v1" "Namespace" "" "kube-system" }}
{{- fail (printf "%s is true, but this cluster has no kinds of monitoring.coreos.com/v1: install the Prometheus operator first, or set %s to false" (index . 1) (index . 1)) }}
{{- end }}
{{- end }}
{{- end }}
