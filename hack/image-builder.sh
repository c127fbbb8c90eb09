# Build images with docker, or with buildah if docker is not running, and load them into the running cluster. Sourced at
# the root, after hack/env.sh; call `prepare_builder` first.
. tests/cluster/bare/lib.sh
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
  # One at a time, since the end of each unmounts the storage.
  exec 9>"$IMAGES/lock"
  flock -n 9 || { say "waiting for another build to end"; flock 9; }
  trap unmount_storage EXIT
  command -v buildah >/dev/null && command -v mmdebstrap >/dev/null ||
    fail "neither docker nor buildah with mmdebstrap; make cluster-up installs the latter"
}

is_built() { # image archive
  if [ "$with_docker" = yes ]; then docker image inspect "$1" >/dev/null 2>&1; else [ -s "$2" ]; fi
}

build() { # image archive Dockerfile context SUITE [build argument...]: of Debian's SUITE where nothing can be pulled
  say "building $1"
  if [ "$with_docker" = yes ]; then
    build_with_docker "$1" "$3" "$4" "${@:6}"
  else
    make_base "$5"
    build_with_buildah "$@"
  fi
}

base_key() { # suite -> what its base image is made from; anew each month
  { date +%Y-%m; echo "$1"; declare -f bootstrap_suite; } | sha256sum | cut -c1-16
}

bootstrap_suite() { # suite directory: with Debian's own rules for slim images: no documentation, no package lists, no caches
  # A mirror that stands still says that its lists of a suite in the making are out of date; they are signed all the same.
  mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
    --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/groff/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='echo "Dir::Cache::pkgcache \"\"; Dir::Cache::srcpkgcache \"\"; DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb\"; };" >"$1/etc/apt/apt.conf.d/docker-clean"' \
    --customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/cache/debconf/*-old "$1"/var/lib/apt/lists/* "$1"/var/log/*' \
    "$1" "$2"
}

make_base() { # suite: the base image where none can be pulled; its name goes to base
  local key directory container
  key=$(base_key "$1")
  base=localhost/kubelambda/debian-$1:$key
  directory=$IMAGES/debian-$1-$key
  "${BUILDAH[@]}" images --format '{{.Name}}:{{.Tag}}' | grep -qxF "$base" && return
  if [ ! -d "$directory" ]; then
    say "making the base image $1 with mmdebstrap (about 30 s)"
    rm -rf "$IMAGES/debian-$1-"*
    bootstrap_suite "$1" "$directory.part" 2>"$IMAGES/mmdebstrap.log" ||
      { tail -n 5 "$IMAGES/mmdebstrap.log" >&2; fail "mmdebstrap failed"; }
    mv "$directory.part" "$directory"
  fi
  container=$("${BUILDAH[@]}" from scratch)
  "${BUILDAH[@]}" add --quiet "$container" "$directory" / >/dev/null
  "${BUILDAH[@]}" config --cmd /bin/bash "$container"
  "${BUILDAH[@]}" commit --quiet "$container" "$base" >/dev/null
  "${BUILDAH[@]}" rm "$container" >/dev/null
}

build_with_buildah() { # image archive Dockerfile context SUITE [build argument...]
  local image=$1 archive=$2 file=$3 context=$4 arguments=() argument
  # Inside a build the machine's own trust and pip settings hold; what is written there is not kept.
  [ -d /etc/ssl/certs ] && arguments+=(-v /etc/ssl/certs:/etc/ssl/certs:O)
  [ -e /etc/pip.conf ] && arguments+=(-v /etc/pip.conf:/etc/pip.conf:ro)
  for argument in "${@:6}" "BASE=$base" "SDK=$base"; do arguments+=(--build-arg "$argument"); done
  local tries=3
  until "${BUILDAH[@]}" bud --quiet --isolation chroot --network host --pull-never --layers \
    "${arguments[@]}" -t "$image" -f "$file" "$context" >"$archive.log" 2>&1; do
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

build_with_docker() { # image Dockerfile context [build argument...]
  local arguments=() argument
  for argument in "${@:4}"; do arguments+=(--build-arg "$argument"); done
  docker build --quiet "${arguments[@]}" -t "$1" -t "${1%:*}:dev" -f "$2" "$3" >/dev/null
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
