module kubelambda.io/tests/pause

go 1.24
