{{- define "fraudstream.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "fraudstream.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "fraudstream.pullSecrets" -}}
{{- range .Values.image.pullSecrets }}
- name: {{ . }}
{{- end }}
{{- end }}

{{/*
The StatefulSet of one side: (dict "root" $ "name" "scoring" "side" .Values.scoring "agents" "..." "replicas" 2).
Without "replicas" an autoscaler owns their number; with "storage" each pod has a disk.
*/}}
{{- define "fraudstream.workers" -}}
{{- $root := .root -}}
{{- $fullName := printf "%s-%s" (include "fraudstream.name" $root) .name -}}
{{- $given := include "fraudstream.given" (list $root .side) | fromJson -}}
{{- $scheme := ternary "HTTPS" "HTTP" (hasKey $given.secretFiles "WEB__SSL_CERTIFICATE_FILE") -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $fullName }}
  labels: {{- include "fraudstream.labels" (list $root .name) | nindent 4 }}
spec:
  serviceName: {{ include "fraudstream.name" $root }}-workers
  {{- with .replicas }}
  replicas: {{ . }}
  {{- end }}
  podManagementPolicy: Parallel
  minReadySeconds: 10
  selector:
    matchLabels: {{- include "fraudstream.selector" (list $root .name) | nindent 6 }}
  template:
    metadata:
      labels: {{- include "fraudstream.selector" (list $root .name) | nindent 8 }}
      {{- with .side.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "fraudstream.name" $root }}
      automountServiceAccountToken: false
      # Kubernetes would set variables such as FRAUDSTREAM_PORT for a service of that name, and no worker would start.
      enableServiceLinks: false
      {{- with include "fraudstream.pullSecrets" $root }}
      imagePullSecrets: {{- . | nindent 8 }}
      {{- end }}
      securityContext: {{- include "fraudstream.podSecurity" $root | nindent 8 }}
      terminationGracePeriodSeconds: 60
      containers:
        - name: worker
          image: {{ include "fraudstream.image" $root | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: [worker]
          securityContext: {{- include "fraudstream.containerSecurity" $root | nindent 12 }}
          env:
            - name: FRAUDSTREAM_WORKER__SLOT
              valueFrom:
                fieldRef:
                  fieldPath: metadata.name
            - name: FRAUDSTREAM_WEB__HOST
              valueFrom:
                fieldRef:
                  fieldPath: status.podIP
            - name: FRAUDSTREAM_WEB__PORT
              value: {{ $root.Values.web.port | quote }}
            - name: FRAUDSTREAM_WORKER__AGENTS
              value: {{ .agents }}
            - name: FRAUDSTREAM_WORKER__FOLDER
              value: /var/lib/fraudstream
            {{- include "fraudstream.environment" $given | nindent 12 }}
          ports:
            - name: web
              containerPort: {{ $root.Values.web.port }}
          # Restoring profiles takes seconds a million cards; Kafka is waited for a minute.
          startupProbe:
            httpGet: {path: /livez, port: web, scheme: {{ $scheme }}}
            periodSeconds: 5
            timeoutSeconds: 5
            failureThreshold: 36
          livenessProbe:
            httpGet: {path: /livez, port: web, scheme: {{ $scheme }}}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: {path: /readyz, port: web, scheme: {{ $scheme }}}
            periodSeconds: 5
            timeoutSeconds: 5
            failureThreshold: 3
          resources: {{- toYaml .side.resources | nindent 12 }}
          volumeMounts:
            - name: tmp
              mountPath: /tmp
            - name: state
              mountPath: /var/lib/fraudstream
            {{- include "fraudstream.fileMounts" $given | nindent 12 }}
      volumes:
        - name: tmp
          emptyDir: {sizeLimit: 64Mi}
        {{- if not .storage }}
        - name: state
          emptyDir: {sizeLimit: 64Mi}
        {{- end }}
        {{- include "fraudstream.fileVolumes" $given | nindent 8 }}
      topologySpreadConstraints:
        {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - topologyKey: {{ $key }}
          maxSkew: 1
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "fraudstream.selector" (list $root $.name) | nindent 14 }}
        {{- end }}
      {{- with .side.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .side.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .side.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
  {{- with .storage }}
  volumeClaimTemplates:
    - metadata:
        name: state
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .className }}
        storageClassName: {{ . }}
        {{- end }}
        resources:
          requests:
            storage: {{ .size }}
  {{- end }}
{{- end }}

{{/* A pod that runs one command of the operator's and ends: (dict "root" $ "args" (list "topics" "create")). */}}
{{- define "fraudstream.commandPod" -}}
{{- $given := include "fraudstream.given" (list .root .root.Values.commands) | fromJson -}}
automountServiceAccountToken: false
enableServiceLinks: false
restartPolicy: Never
{{- with include "fraudstream.pullSecrets" .root }}
imagePullSecrets: {{- . | nindent 2 }}
{{- end }}
securityContext: {{- include "fraudstream.podSecurity" .root | nindent 2 }}
containers:
  - name: command
    image: {{ include "fraudstream.image" .root | quote }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args: {{ toJson .args }}
    securityContext: {{- include "fraudstream.containerSecurity" .root | nindent 6 }}
    env:
      # It keeps nothing.
      - name: FRAUDSTREAM_WORKER__FOLDER
        value: /tmp
      {{- include "fraudstream.environment" $given | nindent 6 }}
    resources: {{- toYaml .root.Values.commands.resources | nindent 6 }}
    volumeMounts:
      - name: tmp
        mountPath: /tmp
      {{- include "fraudstream.fileMounts" $given | nindent 6 }}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 64Mi}
  {{- include "fraudstream.fileVolumes" $given | nindent 2 }}
{{- end }}
