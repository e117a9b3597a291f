//go:build linux

package crash

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A disk is a file system in memory that can lose its power. What was synced is
// there afterwards. Of what was not, it is as if some had come to the disk before,
// in whatever order: each page of a file may be as any write has left it since the
// last fsync, or torn between two of them in sectors; a file may have any of its
// lengths; the last changes of directories may be gone, unless the directory was
// synced since. The fsync of a file does not sync its name.
//
// It is served by a process of its own (serveDisk): who maps a file into memory
// must not be who serves it.
type disk struct {
	mu      sync.Mutex // guards what follows, and all entries
	root    *entry
	changes []change
	inos    uint64
	dead    *bool // of the mount that there is; what is left of an older one gets EIO
	server  *fuse.Server
}

// entry is a file or a directory, as long as the disk has it.
type entry struct {
	ino  uint64
	mode uint32

	kept map[string]*entry // of a directory: what is there after a power cut

	data   []byte             // of a file
	length int                // at the last sync
	pages  map[int64][][]byte // what was written since the last sync: as they were before, the oldest first
}

// change is one of directories.
type change struct {
	of     [2]*entry
	synced bool
	apply  func() // to what is kept
}

const (
	pageBytes   = 4096
	sectorBytes = 512
	maxVersions = 4
)

func newDisk() *disk {
	return &disk{root: &entry{ino: 1, mode: syscall.S_IFDIR | 0o700, kept: map[string]*entry{}}, inos: 1, dead: new(bool)}
}

func (d *disk) newEntry(mode uint32) *entry {
	d.inos++
	e := &entry{ino: d.inos, mode: mode}
	if mode&syscall.S_IFMT == syscall.S_IFDIR {
		e.kept = map[string]*entry{}
	}
	return e
}

func (d *disk) changed(a, b *entry, apply func()) {
	d.changes = append(d.changes, change{of: [2]*entry{a, b}, apply: apply})
}

// sync keeps what is there of one entry.
func (d *disk) sync(e *entry) {
	e.pages, e.length = nil, len(e.data)
	if e.kept == nil {
		return
	}
	for i := range d.changes {
		c := &d.changes[i]
		c.synced = c.synced || c.of[0] == e || c.of[1] == e
	}
}

// seal keeps everything.
func (d *disk) seal() {
	for i := range d.changes {
		d.changes[i].synced = true
	}
	d.settle(nil)
}

// settle makes of the disk what it is after a power cut; without a source of
// chance, of a stop in order. It says what was lost.
func (d *disk) settle(r *rand.Rand) string {
	names, pages, lengths := 0, 0, 0
	through := len(d.changes)
	if r != nil {
		through = r.IntN(len(d.changes) + 1)
	}
	for i, c := range d.changes {
		if i < through || c.synced {
			c.apply()
		} else {
			names++
		}
	}
	d.changes = nil
	var walk func(e *entry)
	walk = func(e *entry) {
		for _, child := range e.kept {
			walk(child)
		}
		if r != nil {
			p, l := e.lose(r)
			pages, lengths = pages+p, lengths+l
		}
		e.pages, e.length = nil, len(e.data)
	}
	walk(d.root)
	return fmt.Sprintf("%d names, %d pages, %d lengths", names, pages, lengths)
}

// page is what is on a page; beyond the end there are zeros.
func (e *entry) page(n int64) []byte {
	page := make([]byte, pageBytes)
	if at := n * pageBytes; at < int64(len(e.data)) {
		copy(page, e.data[at:])
	}
	return page
}

// touch remembers what is on the pages of a range that is about to change.
func (e *entry) touch(from, to int) {
	if e.pages == nil {
		e.pages = map[int64][][]byte{}
	}
	for n := int64(from / pageBytes); n*pageBytes < int64(to); n++ {
		versions := append(e.pages[n], e.page(n))
		if len(versions) > maxVersions {
			versions = append(versions[:1], versions[2:]...)
		}
		e.pages[n] = versions
	}
}

// resize is what a truncation does, and a write beyond the end.
func (e *entry) resize(size int) {
	switch {
	case size < len(e.data):
		e.touch(size, len(e.data))
		clear(e.data[size:])
		e.data = e.data[:size]
	case size > cap(e.data):
		grown := make([]byte, size, size+size/2)
		copy(grown, e.data)
		e.data = grown
	default:
		e.data = e.data[:size]
	}
}

// lose has a file be as it may be found after a power cut.
func (e *entry) lose(r *rand.Rand) (pages, lengths int) {
	size := []int{e.length, len(e.data)}[r.IntN(2)]
	if size != len(e.data) {
		lengths++
	}
	if len(e.pages) == 0 && lengths == 0 {
		return 0, 0
	}
	found := make([]byte, size)
	copy(found, e.data)
	for n, versions := range e.pages {
		if n*pageBytes >= int64(size) {
			continue
		}
		versions = append(versions, e.page(n))
		page := versions[r.IntN(len(versions))]
		if r.IntN(5) == 0 {
			page = torn(r, versions)
		}
		pages++
		copy(found[n*pageBytes:], page)
	}
	e.data = found
	return pages, lengths
}

// torn is a page of which each sector is of any version.
func torn(r *rand.Rand, versions [][]byte) []byte {
	page := make([]byte, 0, pageBytes)
	for at := 0; at < pageBytes; at += sectorBytes {
		page = append(page, versions[r.IntN(len(versions))][at:at+sectorBytes]...)
	}
	return page
}

// node is an entry as a mount has it.
type node struct {
	fs.Inode
	disk *disk
	dead *bool
	e    *entry
}

var (
	_ fs.NodeOnAdder   = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeMknoder   = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeReader    = (*node)(nil)
	_ fs.NodeWriter    = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
	_ fs.NodeFlusher   = (*node)(nil)
	_ fs.NodeStatfser  = (*node)(nil)
)

// lock takes the disk for an operation; EIO if it has no power.
func (n *node) lock() syscall.Errno {
	n.disk.mu.Lock()
	if *n.dead {
		n.disk.mu.Unlock()
		return syscall.EIO
	}
	return 0
}

func (n *node) child(ctx context.Context, e *entry) *fs.Inode {
	return n.NewPersistentInode(ctx, &node{disk: n.disk, dead: n.dead, e: e}, fs.StableAttr{Mode: e.mode & syscall.S_IFMT, Ino: e.ino})
}

// OnAdd has the kernel find what is kept.
func (n *node) OnAdd(ctx context.Context) {
	for name, e := range n.e.kept {
		n.AddChild(name, n.child(ctx, e), true)
	}
}

func (n *node) add(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.lock(); errno != 0 {
		return nil, errno
	}
	e := n.disk.newEntry(mode)
	n.disk.changed(n.e, nil, func() { n.e.kept[name] = e })
	e.attributes(&out.Attr)
	n.disk.mu.Unlock()
	return n.child(ctx, e), 0
}

func (n *node) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, errno := n.add(ctx, name, syscall.S_IFREG|mode&0o7777, out)
	return inode, nil, fuse.FOPEN_KEEP_CACHE, errno
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.add(ctx, name, syscall.S_IFDIR|mode&0o7777, out)
}

func (n *node) Mknod(ctx context.Context, name string, mode, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.add(ctx, name, mode, out)
}

func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	if errno := n.lock(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	n.disk.changed(n.e, nil, func() { delete(n.e.kept, name) })
	return 0
}

func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	if child := n.GetChild(name); child != nil && len(child.Children()) > 0 {
		return syscall.ENOTEMPTY
	}
	return n.Unlink(ctx, name)
}

func (n *node) Rename(_ context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if flags != 0 {
		return syscall.EINVAL
	}
	to, ok := parent.(*node)
	moved := n.GetChild(name)
	if !ok || moved == nil {
		return syscall.ENOENT
	}
	if errno := n.lock(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	e := moved.Operations().(*node).e
	n.disk.changed(n.e, to.e, func() {
		delete(n.e.kept, name)
		to.e.kept[newName] = e
	})
	return 0
}

func (e *entry) attributes(out *fuse.Attr) {
	out.Ino, out.Mode, out.Nlink, out.Size = e.ino, e.mode, 1, uint64(len(e.data))
	out.Blocks, out.Blksize = (out.Size+511)/512, pageBytes
	out.Uid, out.Gid = uint32(os.Getuid()), uint32(os.Getgid())
}

func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if errno := n.lock(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	n.e.attributes(&out.Attr)
	return 0
}

func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if errno := n.lock(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	if mode, ok := in.GetMode(); ok {
		n.e.mode = n.e.mode&syscall.S_IFMT | mode&0o7777
	}
	if size, ok := in.GetSize(); ok {
		n.e.resize(int(size))
	}
	n.e.attributes(&out.Attr)
	return 0
}

func (n *node) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

func (n *node) Read(_ context.Context, _ fs.FileHandle, dest []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	if errno := n.lock(); errno != 0 {
		return nil, errno
	}
	defer n.disk.mu.Unlock()
	if at >= int64(len(n.e.data)) {
		return fuse.ReadResultData(nil), 0
	}
	return fuse.ReadResultData(dest[:copy(dest, n.e.data[at:])]), 0
}

func (n *node) Write(_ context.Context, _ fs.FileHandle, data []byte, at int64) (uint32, syscall.Errno) {
	if errno := n.lock(); errno != 0 {
		return 0, errno
	}
	defer n.disk.mu.Unlock()
	end := int(at) + len(data)
	n.e.touch(int(at), end)
	if end > len(n.e.data) {
		n.e.resize(end)
	}
	copy(n.e.data[at:], data)
	return uint32(len(data)), 0
}

func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	if errno := n.lock(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	n.disk.sync(n.e)
	return 0
}

func (n *node) Flush(context.Context, fs.FileHandle) syscall.Errno { return 0 }

func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	out.Bsize, out.Frsize, out.NameLen = pageBytes, pageBytes, 255
	out.Blocks, out.Bfree, out.Bavail = 1<<22, 1<<21, 1<<21
	out.Files, out.Ffree = 1<<20, 1<<19
	return 0
}

// mount shows the disk at a directory.
func (d *disk) mount(at string) error {
	d.dead = new(bool)
	long := time.Hour // nobody but the kernel changes it
	server, err := fs.Mount(at, &node{disk: d, dead: d.dead, e: d.root}, &fs.Options{
		EntryTimeout: &long, AttrTimeout: &long,
		MountOptions: fuse.MountOptions{DirectMount: true, FsName: "palyra-crash", Name: "crash"},
	})
	d.server = server
	return err
}

// unmount takes the power away. Who is still there gets errors.
func (d *disk) unmount(at string) error {
	d.mu.Lock()
	*d.dead = true
	d.mu.Unlock()
	var err error
	for range 100 { // children of a daemon that was killed go by themselves
		if err = syscall.Unmount(at, 0); !errors.Is(err, syscall.EBUSY) {
			break
		}
		time.Sleep(20 * time.Millisecond) // in a process of its own; there is no signal to wait for
	}
	if errors.Is(err, syscall.EBUSY) {
		err = syscall.Unmount(at, syscall.MNT_DETACH)
	}
	return err
}

// serveDisk is a process that serves a disk at a directory and does what it reads:
// "seal", or "cut SEED". Each is answered by a line.
func serveDisk(at string) error {
	d := newDisk()
	if err := d.mount(at); err != nil {
		fmt.Println("no mount:", err)
		return nil
	}
	fmt.Println("mounted")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		word, number, _ := strings.Cut(in.Text(), " ")
		seed, _ := strconv.ParseUint(number, 10, 64)
		lost := ""
		if word == "seal" {
			d.mu.Lock()
			d.seal()
			d.mu.Unlock()
		} else {
			if err := d.unmount(at); err != nil {
				return err
			}
			lost = d.settle(rand.New(rand.NewPCG(seed, 1)))
			if err := d.mount(at); err != nil {
				return err
			}
		}
		fmt.Println("done", lost)
	}
	return d.unmount(at)
}
