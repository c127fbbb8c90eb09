//go:build !portable

package quiet

const sysPwritev2 = 287 // absent from package syscall
