# shellcheck shell=bash
# servers: the six servers of a run, how each is set up, started and known to be ready. Sourced.
# For every name of SERVERS there are NAME_setup, NAME_start and NAME_is_ready.
# shellcheck disable=SC2034  # some names are for the scripts that source this

# In the order of starting: the slow ones first, so that they boot beside each other.
SERVERS=(elastic kafka dns recorder https smtp)
SERVER_PORTS=(KAFKA_PORT KAFKA_CONTROLLER_PORT ELASTIC_PORT ELASTIC_TRANSPORT_PORT DNS_PORT
    RECORDER_PORT HTTPS_PORT SMTP_PORT)

server_start() {
    : >>"$(log_file "$1")"
    "${1}_start"
}

server_wait() { process_wait 180 "$1" "${1}_is_ready"; }

# --- kafka: one node, broker and controller ---

kafka_setup() {
    mkdir "$RUN_DIR/data/kafka"
    cat >"$RUN_DIR/etc/kafka.properties" <<CONF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$KAFKA_CONTROLLER_PORT
listeners=PLAINTEXT://127.0.0.1:$KAFKA_PORT,CONTROLLER://127.0.0.1:$KAFKA_CONTROLLER_PORT
advertised.listeners=PLAINTEXT://127.0.0.1:$KAFKA_PORT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=$RUN_DIR/data/kafka
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.backoff.ms=1000
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
message.max.bytes=8388608
replica.fetch.max.bytes=8388608
CONF
    cat >"$RUN_DIR/etc/kafka-log4j.properties" <<'CONF'
log4j.rootLogger=WARN, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.Target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %m (%c{1})%n
log4j.logger.kafka.server.KafkaRaftServer=INFO
CONF
    kafka_command
    "${COMMAND[@]}" kafka.tools.StorageTool format -t dGxzcnB0LWxvY2FsLXJ1bg \
        -c "$RUN_DIR/etc/kafka.properties" >>"$(log_file kafka)" 2>&1 ||
        die "Kafka's storage could not be made: see $(log_file kafka)"
}

# Java, not the shell, expands the star.
kafka_command() {
    COMMAND=(java "$JAVA_QUIET" -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$KAFKA_HOME/libs/*"
        "-Dlog4j.configuration=file:$RUN_DIR/etc/kafka-log4j.properties")
}

kafka_start() {
    kafka_command
    process_spawn kafka "${COMMAND[@]}" kafka.Kafka "$RUN_DIR/etc/kafka.properties"
}

# The broker opens its port last.
kafka_is_ready() { port_is_open "$KAFKA_PORT"; }

# --- elastic: one node without security; not as root, which Elasticsearch refuses ---

elastic_setup() {
    elastic_make_state
    mkdir "$RUN_DIR/data/elastic"/{config,data,log,tmp}
    cat >"$RUN_DIR/data/elastic/config/elasticsearch.yml" <<CONF
cluster.name: tlsrpt-$RUN
discovery.type: single-node
network.host: 127.0.0.1
http.port: $ELASTIC_PORT
transport.port: $ELASTIC_TRANSPORT_PORT
cluster.routing.allocation.disk.threshold_enabled: false
xpack.security.enabled: false
CONF
    cat >"$RUN_DIR/data/elastic/config/jvm.options" <<'CONF'
-Xms512m
-Xmx512m
-XX:+UseSerialGC
-XX:+ExitOnOutOfMemoryError
-XX:-HeapDumpOnOutOfMemoryError
-Djava.io.tmpdir=${ES_TMPDIR}
-Djna.tmpdir=${ES_TMPDIR}
CONF
    cat >"$RUN_DIR/data/elastic/config/log4j2.properties" <<'CONF'
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %marker%m%consoleException%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
CONF
    ((EUID != 0)) || chown -R "$ELASTIC_UID:$ELASTIC_UID" "$RUN_DIR/data/elastic/"
}

# Below the run if Elasticsearch's user gets there, else below the cache with a link to it: a
# repository in somebody's home or in a private temporary directory is closed to other users.
elastic_make_state() {
    local link=$RUN_DIR/data/elastic dir
    elastic_can "$ELASTIC_HOME/bin/elasticsearch" ||
        die "user $ELASTIC_UID cannot read $ELASTIC_HOME: set TLSRPT_CACHE to a place open to all"
    if elastic_can "$RUN_DIR/data"; then
        mkdir -m 700 "$link"
        return
    fi
    mkdir -p "$CACHE/run"
    dir=$(mktemp -d "$CACHE/run/elastic.XXXXXX")
    ln -s "$dir" "$link"
}

elastic_can() { $(elastic_user) test -x "$1"; }

# What to put in front of a command so that Elasticsearch's user runs it; nothing if that is you.
elastic_user() {
    ((EUID != 0)) || printf 'setpriv --reuid=%s --regid=%s --clear-groups' "$ELASTIC_UID" "$ELASTIC_UID"
}

elastic_remove_state() {
    local dir
    dir=$(readlink "$RUN_DIR/data/elastic") || return 0
    [[ $dir != "$CACHE/run/elastic."* ]] || rm -rf "$dir"
}

elastic_start() {
    local dir
    dir=$(cd "$RUN_DIR/data/elastic" && pwd -P)
    # shellcheck disable=SC2046  # words, on purpose
    process_spawn elastic $(elastic_user) env -u JAVA_HOME HOME="$dir/tmp" ES_TMPDIR="$dir/tmp" \
        ES_PATH_CONF="$dir/config" ES_JAVA_HOME="$(java_home)" \
        "CLI_JAVA_OPTS=$JAVA_QUIET" "ES_JAVA_OPTS=$JAVA_QUIET" \
        "$ELASTIC_HOME/bin/elasticsearch" "-Epath.data=$dir/data" "-Epath.logs=$dir/log"
}

java_home() {
    local java
    java=$(readlink -f "$(command -v java)")
    printf '%s' "${java%/bin/java}"
}

# Yellow: every primary that there was before is back.
elastic_is_ready() { http_is_ok "$ELASTIC_PORT" '/_cluster/health?wait_for_status=yellow&timeout=1s'; }

# --- dns: nsd, with every dns/*.zone ---

dns_setup() {
    mkdir -p "$RUN_DIR/data/dns"
    "$LOCAL/dns" --run "$RUN" --no-reload "${DNS_FILE:-$LOCAL/example.dns}"
}

dns_configure() {
    local zone
    cat <<CONF
server:
    ip-address: 127.0.0.1@$DNS_PORT
    username: ""
    chroot: ""
    server-count: 1
    verbosity: 1
    zonesdir: "$RUN_DIR/dns"
    database: ""
    pidfile: "$RUN_DIR/data/dns/nsd.pid"
    zonelistfile: "$RUN_DIR/data/dns/zone.list"
    xfrdfile: "$RUN_DIR/data/dns/xfrd.state"
    xfrdir: "$RUN_DIR/data/dns"
remote-control:
    control-enable: no
CONF
    for zone in "$RUN_DIR"/dns/*.zone; do
        zone=$(basename "$zone" .zone)
        printf 'zone:\n    name: "%s"\n    zonefile: "%s.zone"\n' "$zone" "$zone"
    done
}

dns_start() {
    dns_configure >"$RUN_DIR/etc/nsd.conf"
    process_spawn dns "$NSD_HOME/usr/sbin/nsd" -d -c "$RUN_DIR/etc/nsd.conf"
}

dns_is_ready() { port_is_open "$DNS_PORT"; }

# --- recorder and https: nginx speaks TLS and HTTP, the recorder behind it keeps what comes ---

recorder_setup() { mkdir -p "$RUN_DIR"/received/{https,https-503}; }

recorder_start() {
    process_spawn recorder "$PYTHON" -B "$LOCAL/https_recorder.py" "$RECORDER_PORT" "$RUN_DIR/received"
}

recorder_is_ready() { port_is_open "$RECORDER_PORT"; }

https_setup() {
    mkdir -p "$RUN_DIR/data/https" "$RUN_DIR/ca"
    ca_make
    certificate_make
    https_configure >"$RUN_DIR/etc/nginx.conf"
}

https_configure() {
    ((EUID != 0)) || say "user root;" # nobody could not reach every build/
    cat <<CONF
daemon off;
worker_processes 1;
pid "$RUN_DIR/data/https/nginx.pid";
lock_file "$RUN_DIR/data/https/nginx.lock";
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path "$RUN_DIR/data/https/body";
    proxy_temp_path "$RUN_DIR/data/https/proxy";
    fastcgi_temp_path "$RUN_DIR/data/https/fastcgi";
    uwsgi_temp_path "$RUN_DIR/data/https/uwsgi";
    scgi_temp_path "$RUN_DIR/data/https/scgi";
    client_max_body_size 64m;
    server {
        listen 127.0.0.1:$HTTPS_PORT ssl http2;
        ssl_certificate "$RUN_DIR/ca/server.pem";
        ssl_certificate_key "$RUN_DIR/ca/server.key";
        location / {
            proxy_pass http://127.0.0.1:$RECORDER_PORT;
            proxy_http_version 1.1;
            proxy_set_header Host \$host;
            proxy_read_timeout 600s;
            # What came whole is kept whole, though its sender was killed meanwhile.
            proxy_ignore_client_abort on;
        }
    }
}
CONF
}

https_start() {
    process_spawn https "$NGINX_HOME/usr/sbin/nginx" -e stderr -p "$RUN_DIR/data/https" \
        -c "$RUN_DIR/etc/nginx.conf"
}

https_is_ready() { port_is_open "$HTTPS_PORT"; }

# A certificate authority of this run, which nobody else has a reason to trust.
ca_make() {
    # A configuration of our own: the machine's may add extensions of its taste.
    printf '[req]\ndistinguished_name = dn\n[dn]\n' >"$RUN_DIR/etc/openssl.cnf"
    (
        umask 077
        openssl_run genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$RUN_DIR/ca/ca.key"
        openssl_run genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$RUN_DIR/ca/server.key"
    )
    openssl_run req -config "$RUN_DIR/etc/openssl.cnf" -x509 -days 30 -subj "/CN=tlsrpt run $RUN" \
        -key "$RUN_DIR/ca/ca.key" -out "$RUN_DIR/ca/ca.pem" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
}

# The server's certificate, for every name that the zones give an address.
certificate_make() {
    local names
    names=$(dns_hosts | sed 's/^/,DNS:/' | tr -d '\n')
    openssl_run req -config "$RUN_DIR/etc/openssl.cnf" -x509 -days 30 -subj "/CN=receivers" \
        -CA "$RUN_DIR/ca/ca.pem" -CAkey "$RUN_DIR/ca/ca.key" \
        -key "$RUN_DIR/ca/server.key" -out "$RUN_DIR/ca/server.pem.new" \
        -addext basicConstraints=CA:FALSE -addext "subjectAltName=DNS:localhost,IP:127.0.0.1$names"
    mv "$RUN_DIR/ca/server.pem.new" "$RUN_DIR/ca/server.pem"
}

openssl_run() { openssl "$@" 2>>"$(log_file https)" || die "openssl failed: see $(log_file https)"; }

dns_hosts() {
    cat "$RUN_DIR"/dns/*.zone | awk '
        !/^[ \t;$]/ && ($2 == "A" || $3 == "A" || $4 == "A") { sub(/\.$/, "", $1); print tolower($1) }
    ' | sort -u
}

# --- smtp: keeps every message ---

smtp_setup() { mkdir -p "$RUN_DIR"/received/{smtp,smtp-450,smtp-550}; }

smtp_start() {
    process_spawn smtp "$PYTHON" -B "$LOCAL/smtp_sink.py" "$SMTP_PORT" "$RUN_DIR/received" \
        "$RUN_DIR/ca/server.pem" "$RUN_DIR/ca/server.key"
}

smtp_is_ready() { port_is_open "$SMTP_PORT"; }

# --- all of them ---

# Ends everything of the run, workers first, and frees its ports. Its logs and what was received stay.
run_down() {
    local name workers=() status=0
    for name in $(processes); do
        [[ " ${SERVERS[*]} " == *" $name "* ]] || workers+=("$name")
    done
    processes_stop "$STOP_SECONDS" "${workers[@]}" || status=1
    processes_stop "$STOP_SECONDS" "${SERVERS[@]}" || status=1
    elastic_remove_state
    rm -rf "$RUN_DIR/data" "$RUN_DIR/pid" "$RUN_DIR/ports" "$RUN_DIR/complete"
    return "$status"
}
