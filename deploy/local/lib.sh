# shellcheck shell=bash
# shellcheck disable=SC2034  # most names here are for the scripts that source this
# lib: what the scripts of this folder share. Sourced, never run.

set -euo pipefail
umask 022 # root's Elasticsearch runs as another user and has to read what is made here

# The only place where versions stand.
KAFKA_VERSION=3.9.1
KAFKA_SCALA=2.13
KAFKA_SLF4J=1.7.36
ELASTIC_VERSION=8.19.0
MAVEN_DEPENDENCY_PLUGIN=3.6.1

LOCAL=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$LOCAL/../.." && pwd)
BIN=${TLSRPT_BIN:-$ROOT/build}
# Debian's interpreter, since Debian's aiosmtpd is in no other one's path.
PYTHON=/usr/bin/python3
# Else every Java writes into /tmp/hsperfdata_USER, outside the run.
JAVA_QUIET=-XX:-UsePerfData

if [[ -n ${TLSRPT_CACHE:-} ]]; then
    CACHE=$TLSRPT_CACHE
elif ((EUID == 0)); then
    CACHE=/var/cache/tlsrpt
else
    CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/tlsrpt
fi
CACHE=$(realpath -m "$CACHE")
KAFKA_HOME=$CACHE/kafka-$KAFKA_VERSION
ELASTIC_HOME=$CACHE/elasticsearch-$ELASTIC_VERSION
NSD_HOME=$CACHE/nsd
NGINX_HOME=$CACHE/nginx

# Elasticsearch refuses to run as root; there it runs as this user (nobody).
ELASTIC_UID=65534

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "${0##*/}: $*" >&2; }
die() {
    warn "$@"
    exit 1
}
usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&"$(($1 ? 2 : 1))"
    exit "$1"
}

# --- a run: one set of servers and workers with everything they write, in build/run/NAME ---

# Sets RUN and RUN_DIR, and the ports if the run is up.
run_use() {
    [[ $1 =~ ^[a-z0-9][a-z0-9-]*$ ]] || die "'$1' is no name for a run: small letters, digits and '-'"
    RUN=$1
    RUN_DIR=$ROOT/build/run/$RUN
    ports_load
}

# One `up` or `down` of a run at a time. The lock goes with this script, not with what it starts.
run_lock() {
    mkdir -p "$ROOT/build/run"
    exec 9>"$ROOT/build/run/.$RUN.lock"
    flock -w "$1" 9 || die "another up or down of run '$RUN' is under way"
}

run_must_be_up() {
    [[ -f $RUN_DIR/ports ]] || die "run '$RUN' is not up: deploy/local/up --run $RUN"
}

# --- ports ---

PORTS_FIRST=20000 # below the range from which Linux takes ports for outgoing connections
PORTS_LAST=29999

ports_load() {
    # shellcheck source=/dev/null
    [[ ! -f $RUN_DIR/ports ]] || . "$RUN_DIR/ports"
}

# Adds a free port to the run for each NAME, as a line NAME=PORT. All runs of this cache take
# turns, and a port stays taken until its run's ports file goes, whether anyone listens or not.
ports_take() {
    (
        flock -w 60 8 || die "another process holds $CACHE/runs.lock"
        runs_with_ports >"$CACHE/runs.new"
        printf '%s\n' "$RUN_DIR" >>"$CACHE/runs.new"
        sort -u -o "$CACHE/runs" "$CACHE/runs.new"
        rm -f "$CACHE/runs.new"
        ports_find "$@" >>"$RUN_DIR/ports"
    ) 8>"$CACHE/runs.lock"
    ports_load
}

runs_with_ports() {
    local dir
    [[ -f $CACHE/runs ]] || return 0
    while IFS= read -r dir; do
        [[ ! -f $dir/ports ]] || printf '%s\n' "$dir"
    done <"$CACHE/runs"
}

ports_find() {
    runs_with_ports | while IFS= read -r dir; do cat "$dir/ports"; done |
        "$PYTHON" "$LOCAL/free_ports.py" "$PORTS_FIRST" "$PORTS_LAST" "$@"
}

port_is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

http_is_ok() { curl -fsS --noproxy '*' --max-time 5 -o /dev/null "http://127.0.0.1:$1$2" 2>/dev/null; }

# How long a process may take to end after TERM: a worker drains first.
STOP_SECONDS=60

# --- processes: each is a session of its own, known by the pid and start time of its leader ---

pid_file() { printf '%s' "$RUN_DIR/pid/$1"; }
log_file() { printf '%s' "$RUN_DIR/log/$1.log"; }

# Sets PID_STATE and PID_START (clock ticks since boot); false if there is no such process.
pid_look() {
    local stat fields
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    read -ra fields <<<"${stat##*) }" # the name in front of it may hold blanks
    PID_STATE=${fields[0]:-}
    PID_START=${fields[19]:-}
}

# Starts COMMAND detached from this terminal, its output in the log.
process_spawn() {
    local name=$1
    shift
    setsid "$@" </dev/null >>"$(log_file "$name")" 2>&1 9>&- &
    if pid_look $!; then
        printf '%s %s\n' $! "$PID_START" >"$(pid_file "$name")"
    fi
}

process_is_alive() {
    local pid start
    { read -r pid start <"$(pid_file "$1")"; } 2>/dev/null || return 1
    pid_look "$pid" && [[ $PID_START == "$start" && $PID_STATE != [ZX] ]]
}

# Prints the pids of the process and of all it started that still live; nothing if its number
# belongs to somebody else by now.
process_members() {
    local pid start
    { read -r pid start <"$(pid_file "$1")"; } 2>/dev/null || return 0
    if pid_look "$pid" && [[ $PID_START != "$start" ]]; then
        return 0
    fi
    { ps -o pid=,stat= --sid "$pid" || true; ps -o pid=,stat= --pid "$pid" || true; } |
        awk '$2 !~ /^Z/ && !seen[$1]++ { print $1 }'
}

process_signal() {
    local members
    mapfile -t members < <(process_members "$2")
    ((${#members[@]} == 0)) || kill -s "$1" -- "${members[@]}" 2>/dev/null || true
}

processes_are_gone() {
    local name
    for name; do
        [[ -z $(process_members "$name") ]] || return 1
    done
}

processes() { (cd "$RUN_DIR/pid" 2>/dev/null && ls) || true; }

# TERM to all, then KILL to whatever is left after so many seconds: that is said, and false.
processes_stop() {
    local seconds=$1 name status=0
    shift
    for name; do
        process_signal TERM "$name"
        process_signal CONT "$name" # one that is paused would never see it
    done
    wait_quietly "$seconds" processes_are_gone "$@" || status=1
    for name; do
        if ((status)) && [[ -n $(process_members "$name") ]]; then
            warn "$name did not end within $seconds s: killed"
        fi
        process_kill "$name"
    done
    return "$status"
}

process_kill() {
    process_signal KILL "$1"
    wait_quietly 10 processes_are_gone "$1" || die "$1 cannot be killed"
    rm -f "$(pid_file "$1")"
}

# The verbs that `worker` and `server` have in common.
process_verb() {
    [[ -f $(pid_file "$2") ]] || die "$2 does not run"
    case $1 in
    stop) processes_stop "$STOP_SECONDS" "$2" ;;
    kill) process_kill "$2" ;;
    pause) process_signal STOP "$2" ;;
    resume) process_signal CONT "$2" ;;
    esac
}

# True if it may be started; what an earlier one of that name left running is ended first.
process_make_way() {
    ! process_is_alive "$1" || die "$1 runs already"
    process_kill "$1"
}

# --- waiting: always bounded, and who gives up says why ---

# Set by the scripts that must not be stopped in the middle of a step: see interrupts_wait().
INTERRUPTED=

# From here on INT, TERM and HUP end the script at its next wait, where nothing is half done.
interrupts_wait() { trap 'INTERRUPTED=1' INT TERM HUP; }

wait_quietly() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# Waits so many seconds at most until CHECK succeeds, while process NAME lives.
process_wait() {
    local seconds=$1 name=$2 deadline=$((SECONDS + $1))
    shift 2
    until "$@"; do
        [[ -z $INTERRUPTED ]] || die "interrupted"
        process_is_alive "$name" || process_explain "$name" "ended before it was ready"
        ((SECONDS < deadline)) || process_explain "$name" "is not ready after $seconds s"
        sleep 0.1
    done
}

process_explain() {
    warn "$1 $2; the end of $(log_file "$1"):"
    tail -n 15 "$(log_file "$1")" | sed 's/^/    /' >&2
    exit 1
}
