# Names and small functions shared by build, start and stop. Sourced with the project's root as cwd.
# One bare cluster per machine: its state is under STATE, its sockets under SOCKETS (short paths: a
# unix socket's has room for 107 bytes).
STATE=/var/lib/kubelambda-test
SOCKETS=/run/kubelambda-test
RUN=$STATE/run
PKI=$STATE/pki
BRIDGE=cni0
DUMMY=kubelambda0
NETWORK=kubelambda-test
NODE_IP=10.244.0.1
BRIDGE_MAC=0a:58:0a:f4:00:01
POD_RANGE=10.244.0.0/24
TEST_REGISTRY_PORT=5000
TEST_CODE_PORT=5001
SERVICE_RANGE=10.96.0.0/16
CACHE=${KUBELAMBDA_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/kubelambda}
KUBERNETES_VERSION=v1.35.4
SYSCTLS="net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables vm.overcommit_memory vm.panic_on_oom
  kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes
  net.ipv4.conf.all.route_localnet net.ipv4.vs.conntrack net.netfilter.nf_conntrack_max
  net.netfilter.nf_conntrack_tcp_timeout_established net.netfilter.nf_conntrack_tcp_timeout_close_wait"

say() { echo "cluster: $*"; }
fail() { echo "cluster: $*" >&2; exit 1; }

need_root() { [ "$(id -u)" = 0 ] || fail "the bare cluster needs root; with docker and kind it does not"; }

start_time() { # pid -> clock ticks since boot at which it started; nothing where it is gone
  [ -r "/proc/$1/stat" ] && sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

alive() { # name: whether the process that `launch` recorded still runs
  [ -s "$RUN/$1.pid" ] || return 1
  local pid started
  read -r pid started <"$RUN/$1.pid"
  [ "$(start_time "$pid" || true)" = "$started" ]
}

launch() { # name command...: start detached, record process id and start time
  local name=$1
  shift
  alive "$name" && return
  setsid "$@" >>"$RUN/$name.log" 2>&1 </dev/null &
  local pid=$!
  echo "$pid $(start_time "$pid")" >"$RUN/$name.pid"
}

ask_to_end() { # name: SIGTERM to a recorded process, without waiting
  if alive "$1"; then kill "$(cut -d' ' -f1 "$RUN/$1.pid")" 2>/dev/null || true; fi
}

halt() { # name seconds: end a recorded process, by force after so many seconds
  if alive "$1"; then
    local pid started
    read -r pid started <"$RUN/$1.pid"
    kill "$pid" 2>/dev/null || true
    for _ in $(seq $(($2 * 20))); do
      alive "$1" || break
      sleep 0.05
    done
    if alive "$1"; then kill -9 "$pid" 2>/dev/null || true; fi
  fi
  rm -f "$RUN/$1.pid"
}

wait_for() { # seconds what command...: until the command succeeds
  local seconds=$1 what=$2
  shift 2
  for _ in $(seq $((seconds * 10))); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  fail "$what: not within $seconds s; logs are in $RUN"
}
