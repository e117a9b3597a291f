//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package runner

// killMarked finds nothing: other processes' environments are not to be had.
func killMarked(func(string) bool) (int, error) { return 0, nil }
