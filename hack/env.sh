# The test cluster's kubeconfig and programs, for every script that talks to it. Sourced at the root.
export KUBECONFIG=$PWD/.cluster/kubeconfig
export PATH=$PWD/.cluster/bin:$PATH:/usr/sbin:/sbin
