{{/* The pod of a hook that runs `release COMMAND` in our image: (list root "account" "command" env). */}}
{{- define "aidc.releasePod" -}}
{{- $root := index . 0 -}}
restartPolicy: Never
serviceAccountName: {{ index . 1 }}
automountServiceAccountToken: true
enableServiceLinks: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- toYaml $root.Values.podSecurityContext | nindent 2 }}
containers:
  - name: release
    image: {{ include "aidc.image" $root }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    securityContext: {{- toYaml $root.Values.securityContext | nindent 6 }}
    args: [release, {{ index . 2 }}]
    env:
      - name: AIDC_NAMESPACE
        value: {{ include "aidc.namespace" $root }}
      {{- range $name, $value := index . 3 }}
      - name: {{ $name }}
        value: {{ $value | quote }}
      {{- end }}
{{- end }}

{{/*
The account of such a hook, and what it may do: (list root "account" annotations rules-in-all rules-in-the-namespace).
Being hooks themselves, account and rights are there only while the hook runs.
*/}}
{{- define "aidc.releaseAccount" -}}
{{- $root := index . 0 }}
{{- $account := index . 1 }}
{{- $annotations := merge (dict "helm.sh/hook-weight" "-1") (index . 2) }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $account }}
  namespace: {{ include "aidc.namespace" $root }}
  labels: {{- include "aidc.labels" $root | nindent 4 }}
  annotations: {{- toYaml $annotations | nindent 4 }}
automountServiceAccountToken: false
{{- range $kind, $rules := dict "ClusterRole" (index . 3) "Role" (index . 4) }}
{{- if $rules }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ $account }}
  {{- if eq $kind "Role" }}
  namespace: {{ include "aidc.namespace" $root }}
  {{- end }}
  labels: {{- include "aidc.labels" $root | nindent 4 }}
  annotations: {{- toYaml $annotations | nindent 4 }}
rules: {{- toYaml $rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ $account }}
  {{- if eq $kind "Role" }}
  namespace: {{ include "aidc.namespace" $root }}
  {{- end }}
  labels: {{- include "aidc.labels" $root | nindent 4 }}
  annotations: {{- toYaml $annotations | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ $account }}
subjects: {{- include "aidc.subject" (list $root $account) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "aidc.testAnnotations" -}}
helm.sh/hook: test
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* A test of the release, in our image: (list root "what" "command" env rules-in-all rules-in-the-namespace). */}}
{{- define "aidc.releaseTest" -}}
{{- $root := index . 0 }}
{{- $account := printf "%s-test-%s" (include "aidc.fullname" $root) (index . 1) }}
{{- include "aidc.releaseAccount" (list $root $account (include "aidc.testAnnotations" $root | fromYaml) (index . 4) (index . 5)) }}
---
# Its component differs from the operator's and the agent's, so that no selector of theirs finds it.
apiVersion: v1
kind: Pod
metadata:
  name: {{ $account }}
  namespace: {{ include "aidc.namespace" $root }}
  labels:
    {{- include "aidc.labels" $root | nindent 4 }}
    app.kubernetes.io/component: test
  annotations: {{- include "aidc.testAnnotations" $root | nindent 4 }}
spec: {{- include "aidc.releasePod" (list $root $account (index . 2) (index . 3)) | nindent 2 }}
{{- end }}
