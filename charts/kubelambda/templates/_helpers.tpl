{{- define "kubelambda.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels of everything; the component comes from the caller's dict. */}}
{{- define "kubelambda.labels" -}}
{{ include "kubelambda.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "kubelambda.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "kubelambda.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "kubelambda.masterSecret" -}}
{{- default (printf "%s-master" (include "kubelambda.fullname" .)) .Values.masterSecret.existingSecret -}}
{{- end -}}

{{/* Namespaces that are served with scope Namespaced, as a JSON list. */}}
{{- define "kubelambda.namespaces" -}}
{{- default (list .Release.Namespace) .Values.rbac.namespaces | uniq | toJson -}}
{{- end -}}

{{- define "kubelambda.defaultNamespace" -}}
{{- if .Values.gateway.defaultNamespace -}}
{{ .Values.gateway.defaultNamespace }}
{{- else if eq .Values.rbac.scope "Namespaced" -}}
{{ include "kubelambda.namespaces" . | fromJsonArray | first }}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{- define "kubelambda.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "kubelambda.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Settings that all roles share (operator/kubelambda/config.py, class Settings). */}}
{{- define "kubelambda.environment" -}}
- name: KUBELAMBDA_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: KUBELAMBDA_POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: KUBELAMBDA_REGION
  value: {{ .Values.region | quote }}
- name: KUBELAMBDA_SCOPE
  value: {{ .Values.rbac.scope }}
{{- if eq .Values.rbac.scope "Namespaced" }}
- name: KUBELAMBDA_WATCH_NAMESPACES
  value: {{ include "kubelambda.namespaces" . | fromJsonArray | join "," | quote }}
{{- end }}
- name: KUBELAMBDA_MASTER_SECRET_FILE
  value: /etc/kubelambda/master/secret
- name: KUBELAMBDA_KEY_GENERATION
  value: {{ .Values.masterSecret.generation | int | quote }}
- name: KUBELAMBDA_INTERNAL_KEY_GENERATION
  value: {{ .Values.masterSecret.internalGeneration | int | quote }}
- name: KUBELAMBDA_METRICS_PORT
  value: "9002"
- name: KUBELAMBDA_LOG_LEVEL
  value: {{ .Values.logLevel }}
{{- end -}}

{{- define "kubelambda.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 2
  timeoutSeconds: 2
  # A gateway that is going is known not to be ready within twice lingerSeconds.
  failureThreshold: 2
livenessProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end -}}

{{- define "kubelambda.mounts" -}}
- name: master
  mountPath: /etc/kubelambda/master
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end -}}

{{- define "kubelambda.volumes" -}}
- name: master
  secret:
    secretName: {{ include "kubelambda.masterSecret" . }}
    defaultMode: 0440
    items:
      - key: {{ .Values.masterSecret.key }}
        path: secret
- name: tmp
  emptyDir:
    sizeLimit: 16Mi
{{- end -}}

{{/* Scheduling of a pod; the dict holds root, values and priorityClass. */}}
{{- define "kubelambda.scheduling" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClass }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Pods of a workload are spread over nodes where there are several; a full one does not hold them up. */}}
{{- define "kubelambda.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "kubelambda.selector" . | nindent 8 }}
    # Only pods of one revision are counted, so that a roll-out ends spread.
    matchLabelKeys: [{{ .revisionLabel }}]
{{- end -}}

{{- define "kubelambda.makesPriorityClasses" -}}
{{- and .Values.priorityClasses.create (eq .Values.rbac.scope "Cluster") -}}
{{- end -}}

{{/* Name of the priority class of platform, functions or pool (the dict's class); empty: none. */}}
{{- define "kubelambda.priorityClass" -}}
{{- $given := index .root.Values.priorityClasses .class -}}
{{- if $given -}}
{{ $given }}
{{- else if eq (include "kubelambda.makesPriorityClasses" .root) "true" -}}
{{ include "kubelambda.fullname" .root }}-{{ .class }}
{{- end -}}
{{- end -}}

{{/* Name of the priority class of a component of ours; the dict holds root and values. */}}
{{- define "kubelambda.ownPriorityClass" -}}
{{- default (include "kubelambda.priorityClass" (dict "root" .root "class" "platform")) .values.priorityClassName -}}
{{- end -}}

{{- define "kubelambda.natsImage" -}}
{{- if .Values.nats.image.digest -}}
{{ .Values.nats.image.repository }}@{{ .Values.nats.image.digest }}
{{- else -}}
{{ .Values.nats.image.repository }}:{{ default .Chart.AppVersion .Values.nats.image.tag }}
{{- end -}}
{{- end -}}

{{/* The Secret with the queue's token; empty where an external queue wants none. */}}
{{- define "kubelambda.queueSecret" -}}
{{- if .Values.queue.existingSecret -}}
{{ .Values.queue.existingSecret }}
{{- else if not .Values.queue.url -}}
{{ include "kubelambda.fullname" . }}-queue
{{- end -}}
{{- end -}}

{{/* Settings of the roles that work with the queue (config.py, class QueueSettings). */}}
{{- define "kubelambda.queueEnvironment" -}}
- name: KUBELAMBDA_QUEUE_URL
  value: {{ default (printf "nats://%s-nats.%s.svc.%s:4222" (include "kubelambda.fullname" .) .Release.Namespace .Values.clusterDomain) .Values.queue.url }}
- name: KUBELAMBDA_QUEUE_REPLICAS
  value: {{ .Values.queue.replicas | quote }}
{{- if include "kubelambda.queueSecret" . }}
- name: KUBELAMBDA_QUEUE_TOKEN_FILE
  value: /etc/kubelambda/queue/token
{{- end }}
{{- end -}}

{{- define "kubelambda.queueMounts" -}}
{{- if include "kubelambda.queueSecret" . }}
- name: queue
  mountPath: /etc/kubelambda/queue
  readOnly: true
{{- end }}
{{- end -}}

{{- define "kubelambda.queueVolumes" -}}
{{- with include "kubelambda.queueSecret" . }}
- name: queue
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - {key: token, path: token}
{{- end }}
{{- end -}}
