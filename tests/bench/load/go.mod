module kubelambda.io/bench/load

go 1.24
