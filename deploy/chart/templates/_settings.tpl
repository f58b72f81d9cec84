{{/* What one side is given, as JSON: (list $ .Values.scoring). Its own settings win over those of all pods. */}}
{{- define "fraudstream.given" -}}
{{- $root := index . 0 -}}{{- $side := index . 1 -}}
{{- dict
  "settings" (merge (deepCopy $side.settings) $root.Values.settings)
  "secretSettings" (merge (deepCopy $side.secretSettings) $root.Values.secretSettings)
  "secretFiles" (merge (deepCopy $side.secretFiles) $root.Values.secretFiles)
  | toJson }}
{{- end }}

{{/* The settings of a pod as environment variables, from what "fraudstream.given" gives. */}}
{{- define "fraudstream.environment" -}}
{{- range $name, $value := .settings }}
- name: FRAUDSTREAM_{{ $name }}
  value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
{{- end }}
{{- range $name, $from := .secretSettings }}
- name: FRAUDSTREAM_{{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $from.secret }}
      key: {{ $from.key }}
{{- end }}
{{- range $name, $from := .secretFiles }}
- name: FRAUDSTREAM_{{ $name }}
  value: /etc/fraudstream/{{ $name }}/{{ $from.key }}
{{- end }}
{{- end }}

{{- define "fraudstream.fileMounts" -}}
{{- range $name, $from := .secretFiles }}
- name: {{ include "fraudstream.volumeName" $name }}
  mountPath: /etc/fraudstream/{{ $name }}
  readOnly: true
{{- end }}
{{- end }}

{{- define "fraudstream.fileVolumes" -}}
{{- range $name, $from := .secretFiles }}
- name: {{ include "fraudstream.volumeName" $name }}
  secret:
    secretName: {{ $from.secret }}
    items:
      - key: {{ $from.key }}
        path: {{ $from.key }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{- define "fraudstream.volumeName" -}}
{{ . | lower | replace "_" "-" }}
{{- end }}

{{/* What no schema can say, because it joins several values; each is one sentence with the mend. */}}
{{- define "fraudstream.check" -}}
{{- $partitions := int .Values.settings.TOPICS__PARTITIONS -}}
{{- if .Values.autoscaling.enabled -}}
{{- if gt (int .Values.autoscaling.maxReplicas) $partitions -}}
{{- fail (printf "autoscaling.maxReplicas is %d and settings.TOPICS__PARTITIONS %d: more workers than partitions would be idle, so lower the first." (int .Values.autoscaling.maxReplicas) $partitions) -}}
{{- end -}}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) -}}
{{- fail "autoscaling.minReplicas must not be above autoscaling.maxReplicas." -}}
{{- end -}}
{{- if and (ne (include "fraudstream.kafkaProtocol" .) "plaintext") (not .Values.autoscaling.authentication) -}}
{{- fail "autoscaling.authentication must name a TriggerAuthentication, since KEDA cannot read a protected Kafka without one." -}}
{{- end -}}
{{- else if gt (int .Values.scoring.replicas) $partitions -}}
{{- fail (printf "scoring.replicas is %d and settings.TOPICS__PARTITIONS %d: more workers than partitions would be idle, so lower the first." (int .Values.scoring.replicas) $partitions) -}}
{{- end -}}
{{- $learning := include "fraudstream.given" (list . .Values.learning) | fromJson -}}
{{- if and .Values.learning.enabled (not (hasKey $learning.secretSettings "LEARNING__SIGNING_KEY")) -}}
{{- fail "secretSettings.LEARNING__SIGNING_KEY must name the Secret that holds the key for models, or learning.enabled be false." -}}
{{- end -}}
{{- range $side := list .Values.scoring .Values.learning -}}
{{- $given := include "fraudstream.given" (list $ $side) | fromJson -}}
{{- if not (or (hasKey $given.secretSettings "WEB__TOKEN") (hasKey $given.secretFiles "WEB__SSL_CLIENT_CA_FILE")) -}}
{{- fail "secretSettings.WEB__TOKEN must name the Secret that holds the web server's token, or secretFiles.WEB__SSL_CLIENT_CA_FILE the authority of its clients." -}}
{{- end -}}
{{- if not (or (hasKey $given.secretFiles "WEB__SSL_CERTIFICATE_FILE") (eq "true" (toString $given.settings.WEB__ALLOW_PLAINTEXT_TOKEN))) -}}
{{- fail "secretFiles.WEB__SSL_CERTIFICATE_FILE must name the Secret that holds the web server's certificate, or settings.WEB__ALLOW_PLAINTEXT_TOKEN be true." -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The scoring side's way of reaching Kafka; KEDA uses it, too. */}}
{{- define "fraudstream.kafkaProtocol" -}}
{{- $given := include "fraudstream.given" (list . .Values.scoring) | fromJson -}}
{{- $given.settings.KAFKA__SECURITY_PROTOCOL | default "plaintext" -}}
{{- end }}
