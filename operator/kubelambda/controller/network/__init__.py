"""The NetworkPolicies of namespaces that have functions."""
