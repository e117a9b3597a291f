package server

import (
	"context"
	"fmt"
	"net"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/palyra-go/palyra/host/internal/job"
)

type peerKey struct{}

// withPeer notes who is at the other end of a connection. If the kernel does not
// say, nobody is noted, and nobody is denied everything.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	uid, err := peerUID(conn)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, PrincipalOf(uid))
}

// peer returns the principal of the connection that a call came by; ok is false
// if it is not known.
func peer(ctx context.Context) (by job.Principal, ok bool) {
	by, ok = ctx.Value(peerKey{}).(job.Principal)
	return by, ok
}

// caller is the peer of a call that the interceptor has let through.
func caller(ctx context.Context) job.Principal {
	by, _ := peer(ctx)
	return by
}

// peerUID asks the kernel who connected (unix(7): SO_PEERCRED).
func peerUID(conn net.Conn) (uint32, error) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("peer: %T is not a unix socket", conn)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if credErr != nil {
		return 0, credErr
	}
	return cred.Uid, nil
}

// PrincipalOf returns the user with a number.
func PrincipalOf(uid uint32) job.Principal {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil && u.Username != "" {
		return job.User(u.Username)
	}
	if uid == 0 {
		return job.User("root")
	}
	return job.User("uid:" + id)
}
