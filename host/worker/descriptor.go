package worker

import (
	"fmt"
	"io"
	"os"
)

// The sizes beyond which nothing is read. Package wasm and the container have
// limits of their own, with better errors.
const (
	maxModule   = 64 << 20
	maxArtifact = 256 << 20
)

// descriptor is where the host puts what a worker works on.
const descriptor = 3

// read returns all of the file behind a descriptor and closes it.
func read(fd uintptr, most int64) ([]byte, error) {
	file := os.NewFile(fd, "artifact")
	if file == nil {
		return nil, notGiven(fd)
	}
	defer file.Close()
	stat, err := file.Stat()
	// The Go runtime's own file about its control group may be there instead; it
	// is empty.
	if err != nil || !stat.Mode().IsRegular() || stat.Size() == 0 {
		return nil, notGiven(fd)
	}
	if stat.Size() > most {
		return nil, fmt.Errorf("descriptor %d: %d bytes, at most %d", fd, stat.Size(), most)
	}
	data := make([]byte, stat.Size())
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, stat.Size()), data); err != nil {
		return nil, fmt.Errorf("descriptor %d: %w", fd, err)
	}
	return data, nil
}

func notGiven(fd uintptr) error {
	return fmt.Errorf("no file at descriptor %d; palyrad itself starts this mode and hands it one", fd)
}
