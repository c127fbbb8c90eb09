//go:build !portable

package quiet

const sysPwritev2 = 328 // absent from package syscall
