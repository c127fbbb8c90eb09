# Build images with docker, or with buildah if docker is not running, and load them into the running cluster. Sourced at
# the root, after hack/env.sh; call `prepare_builder` first.
. tests/cluster/bare/lib.sh
BASE=docker.io/library/debian:trixie-slim
IMAGES=$CACHE/images
BUILDAH=(buildah --root "$CACHE/buildah/root" --runroot /run/kubelambda-buildah)
CTR=(ctr --address "$SOCKETS/containerd.sock" -n k8s.io)

say() { echo "images: $*" >&2; }

prepare_builder() { # sets cluster and with_docker
  cluster=$(hack/cluster-context 2>/dev/null || true)
  [ -n "$cluster" ] || say "no cluster is up: building only"
  mkdir -p "$IMAGES"
  with_docker=no
  if docker info >/dev/null 2>&1; then
    with_docker=yes
    return
  fi
  need_root
  trap unmount_storage EXIT
  command -v buildah >/dev/null && command -v mmdebstrap >/dev/null ||
    fail "neither docker nor buildah with mmdebstrap; make cluster-up installs the latter"
}

is_built() { # image archive
  if [ "$with_docker" = yes ]; then docker image inspect "$1" >/dev/null 2>&1; else [ -s "$2" ]; fi
}

build() { # image archive Dockerfile context [build argument]
  say "building $1"
  if [ "$with_docker" = yes ]; then
    build_with_docker "$1" "$3" "$4" ${5:+"$5"}
  else
    make_base
    build_with_buildah "$@"
  fi
}

make_base() { # the base image where none can be pulled
  local archive=$IMAGES/trixie-$(date +%Y-%m).tar container
  "${BUILDAH[@]}" images --format '{{.Name}}:{{.Tag}}' | grep -qxF "$BASE" && [ -s "$archive" ] && return
  if [ ! -s "$archive" ]; then
    say "making the base image with mmdebstrap (about 20 s)"
    mmdebstrap --quiet --variant=minbase trixie "$archive.part" 2>"$IMAGES/mmdebstrap.log" ||
      { tail -n 5 "$IMAGES/mmdebstrap.log" >&2; fail "mmdebstrap failed"; }
    mv "$archive.part" "$archive"
  fi
  container=$("${BUILDAH[@]}" from scratch)
  "${BUILDAH[@]}" add --quiet "$container" "$archive" / >/dev/null
  "${BUILDAH[@]}" config --cmd /bin/bash "$container"
  "${BUILDAH[@]}" commit --quiet "$container" "$BASE" >/dev/null
  "${BUILDAH[@]}" rm "$container" >/dev/null
}

build_with_buildah() { # image archive Dockerfile context [build argument]
  local image=$1 archive=$2 file=$3 context=$4 mounts=()
  # Inside a build the machine's own trust and pip settings hold; what is written there is not kept.
  [ -d /etc/ssl/certs ] && mounts+=(-v /etc/ssl/certs:/etc/ssl/certs:O)
  [ -e /etc/pip.conf ] && mounts+=(-v /etc/pip.conf:/etc/pip.conf:ro)
  local tries=3
  until "${BUILDAH[@]}" bud --quiet --isolation chroot --network host --pull-never --layers \
    "${mounts[@]}" --build-arg BASE="$BASE" --build-arg SDK="$BASE" ${5:+--build-arg "$5"} -t "$image" -f "$file" "$context" >"$archive.log" 2>&1; do
    # buildah starts itself from a sealed copy in memory, which the kernel refuses now and then.
    tries=$((tries - 1))
    if [ "$tries" = 0 ] || ! grep -q "sealing memfd" "$archive.log"; then
      tail -n 20 "$archive.log" >&2
      fail "building $image failed; the whole log is $archive.log"
    fi
  done
  "${BUILDAH[@]}" tag "$image" "${image%:*}:dev"
  "${BUILDAH[@]}" push --quiet "$image" "docker-archive:$archive.part:$image"
  mv "$archive.part" "$archive"
}

build_with_docker() { # image Dockerfile context [build argument]
  docker build --quiet ${4:+--build-arg "$4"} -t "$1" -t "${1%:*}:dev" -f "$2" "$3" >/dev/null
}

load() { # image archive
  case "$cluster" in
    kind-kubelambda) kind load docker-image --name kubelambda "$1" ;;
    kubelambda-test)
      "${CTR[@]}" images ls -q "name==$1" | grep -q . && return
      say "loading $1"
      "${CTR[@]}" images import "$2" >/dev/null
      ;;
  esac
}

unmount_storage() { # buildah keeps its storage mounted otherwise
  awk -v a="$CACHE/buildah/" 'index($5, a) == 1 {print $5}' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$mount" || true; done
}
