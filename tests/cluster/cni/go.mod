module kubelambda.io/tests/cni

go 1.25.0
