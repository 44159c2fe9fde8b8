{{/* What the templates read out of the broker's own configuration, and what they refuse of it. */}}

{{- define "token-broker.port" -}}
{{- regexFind "[0-9]+$" .Values.config.server.listen -}}
{{- end -}}

{{/* The port of health alone, which the probes ask: they speak no TLS. */}}
{{- define "token-broker.healthPort" -}}
{{- regexFind "[0-9]+$" (toString (default dict .Values.config.server.health).listen) -}}
{{- end -}}

{{/* The port of the metrics, where they are served, or nothing. */}}
{{- define "token-broker.metricsPort" -}}
{{- $metrics := dig "telemetry" "metrics" dict .Values.config -}}
{{- with $metrics -}}
{{- regexFind "[0-9]+$" (toString .listen) -}}
{{- end -}}
{{- end -}}

{{/* Where answers wait that Redis has not taken, or nothing. */}}
{{- define "token-broker.spoolDirectory" -}}
{{- dig "refresh" "spool" "directory" "" .Values.config -}}
{{- end -}}

{{/* Whole seconds of a duration as the broker writes it, such as 1m30s; rounded up. */}}
{{- define "token-broker.seconds" -}}
{{- $milliseconds := 0 -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 -}}
{{- range regexFindAll "[0-9]+(ms|s|m|h|d)" . -1 -}}
{{- $milliseconds = add $milliseconds (mul (regexFind "[0-9]+" .) (get $units (regexFind "[a-z]+" .))) -}}
{{- end -}}
{{- div (add $milliseconds 999) 1000 -}}
{{- end -}}

{{- define "token-broker.terminationGracePeriodSeconds" -}}
{{- $drain := default "25s" .Values.config.server.drain_grace -}}
{{- add .Values.preStopSeconds (include "token-broker.seconds" $drain) 10 -}}
{{- end -}}

{{/* Whether every caller must show a certificate: "true" or nothing. */}}
{{- define "token-broker.clientCertificatesRequired" -}}
{{- $tls := .Values.config.server.tls -}}
{{- if eq (default (ternary "required" "none" (hasKey $tls "client_ca_file")) $tls.client_certificates) "required" -}}
true
{{- end -}}
{{- end -}}

{{/* The port of a URL or of HOST:PORT, or nothing, as of a Unix socket. */}}
{{- define "token-broker.portOf" -}}
{{- $port := trimPrefix ":" (regexFind ":[0-9]+$" (regexReplaceAll "^([a-z]+://)?([^/?#]*).*$" . "${2}")) -}}
{{- if $port }}{{ $port }}{{ else if hasPrefix "https://" . }}443{{ else if hasPrefix "http://" . }}80{{ end -}}
{{- end -}}

{{/* The ports that the broker connects to, as `config` names them, in order and with a blank between. */}}
{{- define "token-broker.egressPorts" -}}
{{- $redis := default dict (default dict .Values.config.store).redis -}}
{{- $named := list -}}
{{- if not .Values.redis.enabled -}}
{{- $named = append $named $redis.address -}}
{{- end -}}
{{- $named = concat $named (default list (default dict $redis.sentinel).addresses) (default list (default dict $redis.cluster).addresses) -}}
{{- range .Values.config.providers -}}
{{- $endpoints := default dict .endpoints -}}
{{- $named = concat (append $named .issuer) (values $endpoints) (values (default dict $endpoints.mtls_endpoint_aliases)) -}}
{{- end -}}
{{- range .Values.config.jwt_issuers -}}
{{- $named = append $named .jwks_uri -}}
{{- end -}}
{{- $traces := default dict (default dict .Values.config.telemetry).traces -}}
{{- $named = append $named $traces.otlp_endpoint -}}
{{- $ports := list -}}
{{- range $named -}}
{{- if kindIs "string" . -}}
{{- with include "token-broker.portOf" . -}}
{{- $ports = append $ports (int .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- join " " (sortAlpha (uniq $ports)) -}}
{{- end -}}

{{- define "token-broker.redisAddress" -}}
{{- include "token-broker.fullname" . }}-redis:6379
{{- end -}}

{{- define "token-broker.check" -}}
{{- $server := .Values.config.server -}}
{{- $redis := dig "store" "redis" dict .Values.config -}}
{{- if not (regexMatch "^(0\\.0\\.0\\.0|\\[::\\]):[1-9][0-9]*$" (toString $server.listen)) -}}
{{- fail (printf "config.server.listen is %q, which the other pods cannot reach: write 0.0.0.0:PORT or \"[::]:PORT\"" (toString $server.listen)) -}}
{{- end -}}
{{- $health := toString (default dict $server.health).listen -}}
{{- if not (regexMatch "^(0\\.0\\.0\\.0|\\[::\\]):[1-9][0-9]*$" $health) -}}
{{- fail (printf "config.server.health.listen is %q, where the probes of Kubernetes cannot ask: write 0.0.0.0:PORT or \"[::]:PORT\"" $health) -}}
{{- end -}}
{{- if and (hasPrefix "[" (toString $server.listen)) (not (hasPrefix "[" $health)) -}}
{{- fail (printf "config.server.health.listen is %q and config.server.listen is %q: where pods have IPv6 addresses, both need \"[::]:PORT\"" $health (toString $server.listen)) -}}
{{- end -}}
{{- if not $server.tls -}}
{{- fail "config.server.tls is missing: without it the broker does not listen beyond its own pod" -}}
{{- end -}}
{{- if hasKey .Values.config "dev" -}}
{{- fail "config.dev is for a developer's machine; a ConfigMap is no place for secrets, and nobody is anonymous here" -}}
{{- end -}}
{{- if and .Values.tls.existingSecret .Values.tls.certificate.enabled -}}
{{- fail "tls.existingSecret and tls.certificate.enabled contradict each other: choose one" -}}
{{- end -}}
{{- if not (or .Values.tls.existingSecret .Values.tls.certificate.enabled) -}}
{{- fail "there is no certificate to serve with: set tls.existingSecret, or tls.certificate.enabled with its issuerRef" -}}
{{- end -}}
{{- if and .Values.tls.certificate.enabled (not .Values.tls.certificate.issuerRef.name) -}}
{{- fail "tls.certificate.issuerRef.name is missing: the Issuer or ClusterIssuer of cert-manager" -}}
{{- end -}}
{{- if and .Values.tls.clientCa.configMapName .Values.tls.clientCa.secretName -}}
{{- fail "tls.clientCa has a configMapName and a secretName: choose one" -}}
{{- end -}}
{{- if and (not $redis) (or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1)) -}}
{{- fail "several replicas need config.store.redis: a store in memory is not shared, so each replica would know its own grants only. For a trial without Redis set replicaCount to 1" -}}
{{- end -}}
{{- if and .Values.redis.enabled (ne (toString $redis.address) (include "token-broker.redisAddress" .)) -}}
{{- fail (printf "redis.enabled starts a Redis that the broker would not use: set config.store.redis.address to %s" (include "token-broker.redisAddress" .)) -}}
{{- end -}}
{{- $spool := dig "refresh" "spool" dict .Values.config -}}
{{- if and .Values.spool.existingClaim (not $spool.directory) -}}
{{- fail "spool.existingClaim would hold nothing: set config.refresh.spool.directory, such as /var/lib/token-broker/spool" -}}
{{- end -}}
{{- if and .Values.spool.existingClaim (not $spool.shared) -}}
{{- fail "spool.existingClaim is one volume for all pods, of which two are there in every rollout: set config.refresh.spool.shared to true" -}}
{{- end -}}
{{- $egress := .Values.networkPolicy.egress -}}
{{- if and .Values.networkPolicy.enabled $egress.enabled $egress.rules -}}
{{- range $port := splitList " " (include "token-broker.egressPorts" .) -}}
{{- $open := not $port -}}
{{- range $egress.rules -}}
{{- if not .ports }}{{ $open = true }}{{ end -}}
{{- range .ports -}}
{{- /* A port may have a name, which says nothing here. */ -}}
{{- $first := int .port -}}
{{- if or (not $first) (and (le $first (int $port)) (ge (int (default $first .endPort)) (int $port))) }}{{ $open = true }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if not $open -}}
{{- fail (printf "networkPolicy.egress.rules lets nothing out to port %s, which config needs: add a rule, or leave rules empty" $port) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $external := .Values.secrets.externalSecret -}}
{{- if and $external.enabled (not (and $external.secretStoreRef.name (or $external.data $external.dataFrom))) -}}
{{- fail "secrets.externalSecret needs secretStoreRef.name, and data or dataFrom" -}}
{{- end -}}
{{- $metrics := dig "telemetry" "metrics" dict .Values.config -}}
{{- if and $metrics (not (regexMatch "^(0\\.0\\.0\\.0|\\[::\\]):[1-9][0-9]*$" (toString $metrics.listen))) -}}
{{- fail (printf "config.telemetry.metrics.listen is %q, which Prometheus cannot reach: write 0.0.0.0:PORT or \"[::]:PORT\"" (toString $metrics.listen)) -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not $metrics) -}}
{{- fail "metrics.serviceMonitor has nothing to scrape: set config.telemetry.metrics.listen, such as 0.0.0.0:9464" -}}
{{- end -}}
{{- /* A number may come as text, which is never empty: hence int, here and elsewhere. */ -}}
{{- with .Values.autoscaling -}}
{{- if and .enabled (not (or (int .targetCPUUtilizationPercentage) (int .targetRpcsInFlight) .metrics)) -}}
{{- fail "autoscaling needs targetCPUUtilizationPercentage, targetRpcsInFlight or metrics" -}}
{{- end -}}
{{- if and .enabled (int .targetRpcsInFlight) (not $metrics) -}}
{{- fail "autoscaling.targetRpcsInFlight follows a metric that is served nowhere: set config.telemetry.metrics.listen, such as 0.0.0.0:9464" -}}
{{- end -}}
{{- end -}}
{{- end -}}
