#!/usr/bin/env bash
# What the sidecar costs, beside nginx: one core for the proxy, another for the relay and the load.
#
#   tests/bench/sidecar.sh [--install] [--rounds N] [--seconds N] [--connections "1 16 64"]
#                          [--binary PATH] [--also NAME=PATH]...
#
# The relay is an nginx that answers a fixed JSON-RPC response, so that it costs little and always the same.
# Measured are: the relay without a proxy, nginx as a proxy (proxy_pass, connections kept alive), and ours,
# round after round, so that what else the machine does falls on all of them. The table goes to stdout, as
# Markdown: medians of the rounds; the ratios are taken to nginx in the same round. Takes under three minutes.
#
#   --install    install what is missing (apt-get install nginx-light wrk)
#   --binary     measure this relay-mcp-proxy; without it, a release build is made
#   --also       measure another one beside it, such as the one before a change
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
rounds=3 seconds=5 connections="1 16 64" install=false names=() paths=()

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }
fail() { echo "sidecar.sh: $*" >&2; exit 1; }
say() { echo "$*" >&2; }

while (($#)); do
    case $1 in
        --install) install=true ;;
        --rounds) rounds=${2:?--rounds needs a number}; shift ;;
        --seconds) seconds=${2:?--seconds needs a number}; shift ;;
        --connections) connections=${2:?--connections needs numbers}; shift ;;
        --binary) names+=(ours); paths+=("${2:?--binary needs a path}"); shift ;;
        --also) names+=("${2%%=*}"); paths+=("${2#*=}"); shift ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done

# --- what is needed -------------------------------------------------------------------------------------

missing=()
for tool in nginx wrk taskset; do
    PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null || missing+=("$tool")
done
if ((${#missing[@]})) && $install; then
    say "installing: ${missing[*]}"
    apt-get install -y --no-install-recommends nginx-light wrk util-linux >&2
elif ((${#missing[@]})); then
    fail "missing: ${missing[*]}. Run with --install, or: apt-get install nginx-light wrk util-linux"
fi
nginx=$(PATH=$PATH:/usr/sbin command -v nginx)
(($(nproc) >= 2)) || fail "needs two cores: one for the proxy, one for the relay and the load"
proxy_core=0 load_core=1

if [[ " ${names[*]-} " != *" ours "* ]]; then
    say "building relay-mcp-proxy (release)"
    (cd "$root" && cargo build --release --locked --bin relay-mcp-proxy >&2)
    names=(ours "${names[@]}") paths=("${CARGO_TARGET_DIR:-$root/target}/release/relay-mcp-proxy" "${paths[@]}")
fi

# --- the relay and the proxies --------------------------------------------------------------------------

dir=$(mktemp -d)
started=()
stop() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap stop EXIT

export BENCH_SECRET=a-secret-of-the-benchmark
export RELAY_MCP_PROXY_SECRET=$BENCH_SECRET
printf 'a-token-of-the-benchmark' >"$dir/token"
chmod 600 "$dir/token"
relay_port=$((20000 + RANDOM % 5000)) nginx_port=$((25000 + RANDOM % 5000))
answer='{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"done"}],"isError":false}}'

# nginx_config NAME PORT: the rest of the server block comes from stdin.
nginx_config() {
    mkdir -p "$dir/$1"
    cat >"$dir/$1/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $dir/$1/nginx.pid;
error_log $dir/$1/error.log;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path $dir/$1/body;
    proxy_temp_path $dir/$1/proxy;
    fastcgi_temp_path $dir/$1/fastcgi;
    uwsgi_temp_path $dir/$1/uwsgi;
    scgi_temp_path $dir/$1/scgi;
    upstream relay {
        server 127.0.0.1:$relay_port;
        keepalive 128;
        keepalive_requests 1000000000;
    }
    server {
        listen 127.0.0.1:$2;
$(cat)
    }
}
CONF
}

# start_nginx NAME CORE: sets $pid to its one worker.
start_nginx() {
    taskset -c "$2" "$nginx" -c "$dir/$1/nginx.conf" -e "$dir/$1/error.log" 2>"$dir/$1/stderr" &
    local master=$!
    started+=("$master")
    for _ in {1..50}; do
        pid=$(cat "/proc/$master/task/$master/children" 2>/dev/null | tr -d ' ') && [[ -n $pid ]] && return
        sleep 0.1
    done
    fail "nginx ($1) does not start: $(cat "$dir/$1/stderr" "$dir/$1/error.log" 2>/dev/null)"
}

nginx_config relay "$relay_port" <<CONF
        default_type application/json;
        location / { return 200 '$answer'; }
CONF
nginx_config proxy "$nginx_port" <<CONF
        location / {
            proxy_pass http://relay;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Authorization "Bearer a-token-of-the-benchmark";
        }
CONF
start_nginx relay "$load_core"
start_nginx proxy "$proxy_core"

targets=(direct nginx) ports=("$relay_port" "$nginx_port") pids=(- "$pid")
for at in "${!names[@]}"; do
    name=${names[at]}
    taskset -c "$proxy_core" "${paths[at]}" serve --relay-url "http://127.0.0.1:$relay_port" \
        --data-dir "$dir/$name" --token-file "$dir/token" --control none \
        >"$dir/$name.ready" 2>"$dir/$name.log" &
    started+=($!)
    for _ in {1..50}; do [[ -s $dir/$name.ready ]] && break; sleep 0.1; done
    port=$(sed -n 's/.*"port":\([0-9]*\).*/\1/p' "$dir/$name.ready")
    [[ -n $port ]] || fail "$name does not start: $(cat "$dir/$name.log")"
    targets+=("$name") ports+=("$port") pids+=("$!")
done

# Whether a call through PORT comes back with the relay's answer.
answers() {
    local body='{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}'
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' \
        "$BENCH_SECRET" "${#body}" "$body" >&3
    local said
    said=$(timeout 5 cat <&3 || true)
    exec 3>&-
    [[ $said == *"$answer" ]]
}
for at in "${!targets[@]}"; do
    answers "${ports[at]}" || fail "${targets[at]} does not hand on the relay's answer"
done

# --- measuring ------------------------------------------------------------------------------------------

hertz=$(getconf CLK_TCK)
cpu_ticks() { awk '{print $14 + $15}' <(sed 's/.*) /1 x /' "/proc/$1/stat"); }
rss_kib() { awk '/^VmRSS/ {print $2}' "/proc/$1/status"; }

# One line per run: connections round target req/s p50-ms p99-ms cpu-us rss-mib errors
measure() {
    local count=$1 round=$2 name=$3 port=$4 pid=$5 before=0 after=0 rss=0 line
    [[ $pid == - ]] || before=$(cpu_ticks "$pid")
    line=$(taskset -c "$load_core" wrk -t1 "-c$count" "-d${seconds}s" --timeout 10s --latency \
        -s "$here/call.lua" "http://127.0.0.1:$port/mcp" | tail -1)
    [[ $pid == - ]] || { after=$(cpu_ticks "$pid"); rss=$(rss_kib "$pid"); }
    awk -v c="$count" -v r="$round" -v n="$name" -v ticks=$((after - before)) -v hz="$hertz" -v rss="$rss" '
        { printf "%d %d %s %.0f %.3f %.3f %.2f %.1f %d\n",
            c, r, n, $1 * 1e6 / $2, $3 / 1e3, $4 / 1e3, $1 ? ticks * 1e6 / hz / $1 : 0, rss / 1024, $5 }' <<<"$line"
}

runs=$dir/runs
for count in $connections; do
    for ((round = 1; round <= rounds; round++)); do
        say "$count connections, round $round of $rounds"
        for at in "${!targets[@]}"; do
            measure "$count" "$round" "${targets[at]}" "${ports[at]}" "${pids[at]}" >>"$runs"
        done
    done
done

# --- the table ------------------------------------------------------------------------------------------

awk -v order="${targets[*]}" -v rounds="$rounds" -v seconds="$seconds" '
    function median(list,   n, i, j, v, t) {
        n = split(list, v, " ")
        for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] + 0 < v[j-1] + 0; j--) { t = v[j]; v[j] = v[j-1]; v[j-1] = t }
        return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
    }
    !($1 in seen) { seen[$1]; counts[++some] = $1 }
    {
        key = $1 SUBSEP $3
        for (f = 4; f <= 8; f++) all[key, f] = all[key, f] " " $f
        errors[key] += $9
        rate[$1, $2, $3] = $4; cpu[$1, $2, $3] = $7
    }
    END {
        printf "Medians of %d rounds of %d s. One core for the proxy, one for relay and load; ratios to nginx, round by round.\n\n", rounds, seconds
        print "| connections | | requests/s | to nginx | p50 ms | p99 ms | CPU µs/request | to nginx | RSS MiB | errors |"
        print "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|"
        names = split(order, name, " ")
        for (c = 1; c <= some; c++) for (n = 1; n <= names; n++) {
            key = counts[c] SUBSEP name[n]; rates = cpus = ""
            for (r = 1; r <= rounds; r++) {
                base = counts[c] SUBSEP r SUBSEP "nginx"; own = counts[c] SUBSEP r SUBSEP name[n]
                if (rate[base]) rates = rates " " rate[own] / rate[base]
                if (cpu[base]) cpus = cpus " " cpu[own] / cpu[base]
            }
            is_proxy = name[n] != "direct"
            printf "| %d | %s | %.0f | %.2f | %.2f | %.2f | %s | %s | %s | %d |\n", counts[c], name[n], median(all[key, 4]),
                median(rates), median(all[key, 5]), median(all[key, 6]),
                is_proxy ? sprintf("%.1f", median(all[key, 7])) : "–", is_proxy ? sprintf("%.2f", median(cpus)) : "–",
                is_proxy ? sprintf("%.1f", median(all[key, 8])) : "–", errors[key]
        }
    }' "$runs"
