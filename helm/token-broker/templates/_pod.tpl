{{/* Parts of the broker's pod. */}}

{{- define "token-broker.probes" -}}
{{- $port := include "token-broker.healthPort" . -}}
# What is asked for by `liveness` is the process alone: it is not restarted because something else is away.
startupProbe:
  grpc:
    port: {{ $port }}
    service: liveness
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 60
readinessProbe:
  grpc:
    port: {{ $port }}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
livenessProbe:
  grpc:
    port: {{ $port }}
    service: liveness
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end -}}

{{- define "token-broker.volumeMounts" -}}
- name: config
  mountPath: /etc/token-broker/config
  readOnly: true
- name: tls
  mountPath: /etc/token-broker/tls
  readOnly: true
{{- if or .Values.secrets.existing .Values.secrets.externalSecret.enabled }}
- name: secrets
  mountPath: /etc/token-broker/secrets
  readOnly: true
{{- end }}
{{- if .Values.secrets.csi.secretProviderClass }}
- name: csi
  mountPath: /etc/token-broker/csi
  readOnly: true
{{- end }}
{{- with include "token-broker.spoolDirectory" . }}
- name: spool
  mountPath: {{ . }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "token-broker.volumes" -}}
{{- $clientCa := .Values.tls.clientCa -}}
- name: config
  configMap:
    name: {{ include "token-broker.fullname" . }}
# Projected, so that all files of a rotation change at once.
- name: tls
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ include "token-broker.tlsSecret" . }}
          {{- if or $clientCa.configMapName $clientCa.secretName }}
          items:
            - key: tls.crt
              path: tls.crt
            - key: tls.key
              path: tls.key
          {{- end }}
      {{- with $clientCa.configMapName }}
      - configMap:
          name: {{ . }}
          items:
            - key: {{ $clientCa.key }}
              path: ca.crt
      {{- end }}
      {{- with $clientCa.secretName }}
      - secret:
          name: {{ . }}
          items:
            - key: {{ $clientCa.key }}
              path: ca.crt
      {{- end }}
{{- if or .Values.secrets.existing .Values.secrets.externalSecret.enabled }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range .Values.secrets.existing }}
      - secret:
          {{- toYaml . | nindent 10 }}
      {{- end }}
      {{- if .Values.secrets.externalSecret.enabled }}
      - secret:
          name: {{ include "token-broker.fullname" . }}-external
      {{- end }}
{{- end }}
{{- with .Values.secrets.csi }}
{{- if .secretProviderClass }}
- name: csi
  csi:
    driver: {{ .driver }}
    readOnly: true
    volumeAttributes:
      secretProviderClass: {{ .secretProviderClass }}
{{- end }}
{{- end }}
{{- if include "token-broker.spoolDirectory" . }}
- name: spool
  {{- with .Values.spool.existingClaim }}
  persistentVolumeClaim:
    claimName: {{ . }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ .Values.spool.sizeLimit }}
  {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "token-broker.topologySpread" -}}
{{- $spread := .Values.topologySpread -}}
{{- if or $spread.zones $spread.hosts -}}
topologySpreadConstraints:
  {{- range $key, $when := dict "topology.kubernetes.io/zone" $spread.zones "kubernetes.io/hostname" $spread.hosts }}
  {{- if $when }}
  - topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $when }}
    maxSkew: 1
    labelSelector:
      matchLabels:
        {{- include "token-broker.selectorLabels" (dict "root" $ "component" "broker") | nindent 8 }}
    # Each rollout is spread by itself, or the pods that it replaces would count.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
  {{- end }}
{{- end -}}
{{- end -}}
